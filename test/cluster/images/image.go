// Package images makes container images of static programs and hands them to containerd.
//
// An image is one layer: the programs in /bin, a passwd and a group file with one user, and /tmp. Its bytes depend on
// nothing but the programs, so its digest tells whether containerd has it already.
package images

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"

	"github.com/distribution/reference"
)

// User is the number of the user, and of its group, that a container of such an image runs as.
const User = 65532

// An Image is described by its name and the files of its programs; the first program is the entrypoint.
type Image struct {
	Name     string
	Programs []string

	layer, config, manifest blob
}

// A blob is a part of an image: its bytes, or for the layer, which is large, only what describes them.
type blob struct {
	digest string
	size   int64
	data   []byte
}

// New reads the programs and works out the image. The name may be a short one, like "prometheus:3.15.0".
func New(name string, programs ...string) (*Image, error) {
	named, err := reference.ParseDockerRef(name)
	if err != nil {
		return nil, fmt.Errorf("image name %q: %w", name, err)
	}
	if len(programs) == 0 {
		return nil, fmt.Errorf("image %s has no program", name)
	}
	image := &Image{Name: named.String(), Programs: programs}
	sum := sha256.New()
	size, err := image.writeLayer(sum)
	if err != nil {
		return nil, fmt.Errorf("image %s: %w", name, err)
	}
	image.layer = blob{digest: hex.EncodeToString(sum.Sum(nil)), size: size}
	image.describe()
	return image, nil
}

// Digest is the digest of the image's manifest, as containerd names its content.
func (i *Image) Digest() string { return "sha256:" + i.manifest.digest }

// writeLayer writes the layer as a tar file and tells its size.
func (i *Image) writeLayer(w io.Writer) (int64, error) {
	count := &counter{w: w}
	out := tar.NewWriter(count)
	for _, dir := range []tar.Header{{Name: "bin/", Mode: 0o755}, {Name: "etc/", Mode: 0o755}, {Name: "tmp/", Mode: 0o1777}} {
		dir.Typeflag = tar.TypeDir
		if err := out.WriteHeader(&dir); err != nil {
			return 0, err
		}
	}
	for _, program := range i.Programs {
		if err := addProgram(out, program); err != nil {
			return 0, err
		}
	}
	files := []struct{ name, text string }{
		{"etc/group", fmt.Sprintf("root:x:0:\nnonroot:x:%d:\n", User)},
		{"etc/passwd", fmt.Sprintf("root:x:0:0:root:/:/sbin/nologin\nnonroot:x:%d:%d:nonroot:/tmp:/sbin/nologin\n", User, User)},
	}
	for _, file := range files {
		if err := addText(out, file.name, file.text); err != nil {
			return 0, err
		}
	}
	err := out.Close()
	return count.n, err
}

func addProgram(out *tar.Writer, program string) error {
	file, err := os.Open(program)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	header := tar.Header{Name: "bin/" + filepath.Base(program), Mode: 0o755, Size: info.Size(), Typeflag: tar.TypeReg}
	if err := out.WriteHeader(&header); err != nil {
		return err
	}
	_, err = io.Copy(out, file)
	return err
}

func addText(out *tar.Writer, name, text string) error {
	header := tar.Header{Name: name, Mode: 0o644, Size: int64(len(text)), Typeflag: tar.TypeReg}
	if err := out.WriteHeader(&header); err != nil {
		return err
	}
	_, err := io.WriteString(out, text)
	return err
}

// describe makes the image's configuration and manifest.
func (i *Image) describe() {
	type object = map[string]any
	i.config = encode(object{
		"architecture": runtime.GOARCH,
		"os":           "linux",
		"rootfs":       object{"type": "layers", "diff_ids": []string{"sha256:" + i.layer.digest}},
		"config": object{
			"User":       fmt.Sprintf("%d:%d", User, User),
			"Env":        []string{"PATH=/bin"},
			"Entrypoint": []string{"/bin/" + filepath.Base(i.Programs[0])},
			"WorkingDir": "/tmp",
		},
	})
	i.manifest = encode(object{
		"schemaVersion": 2,
		"mediaType":     manifestType,
		"config":        descriptor("application/vnd.oci.image.config.v1+json", i.config),
		"layers":        []object{descriptor("application/vnd.oci.image.layer.v1.tar", i.layer)},
	})
}

const manifestType = "application/vnd.oci.image.manifest.v1+json"

func descriptor(kind string, b blob) map[string]any {
	return map[string]any{"mediaType": kind, "digest": "sha256:" + b.digest, "size": b.size}
}

// encode makes a blob of a value. encoding/json sorts the keys of maps, so equal values give equal bytes.
func encode(value any) blob {
	data, err := json.Marshal(value)
	if err != nil {
		panic(err) // maps, strings and numbers: cannot fail
	}
	sum := sha256.Sum256(data)
	return blob{digest: hex.EncodeToString(sum[:]), size: int64(len(data)), data: data}
}

// A counter passes on what is written and counts it.
type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

// Write writes the image as one tar file in the layout of the Open Container Initiative.
func (i *Image) Write(w io.Writer) error {
	out := tar.NewWriter(w)
	index := descriptor(manifestType, i.manifest)
	index["annotations"] = map[string]string{"io.containerd.image.name": i.Name}
	files := []struct {
		name string
		data []byte
	}{
		{"oci-layout", []byte(`{"imageLayoutVersion":"1.0.0"}`)},
		{"index.json", encode(map[string]any{"schemaVersion": 2, "manifests": []any{index}}).data},
		{"blobs/sha256/" + i.manifest.digest, i.manifest.data},
		{"blobs/sha256/" + i.config.digest, i.config.data},
	}
	for _, file := range files {
		if err := addText(out, file.name, string(file.data)); err != nil {
			return err
		}
	}
	header := tar.Header{Name: "blobs/sha256/" + i.layer.digest, Mode: 0o644, Size: i.layer.size, Typeflag: tar.TypeReg}
	if err := out.WriteHeader(&header); err != nil {
		return err
	}
	if _, err := i.writeLayer(out); err != nil {
		return err
	}
	return out.Close()
}

// Bytes is the whole image in memory, for small ones.
func (i *Image) Bytes() ([]byte, error) {
	var all bytes.Buffer
	err := i.Write(&all)
	return all.Bytes(), err
}
