package agent

import (
	"context"
	"crypto/md5"
	"encoding/binary"
	"strconv"
	"strings"

	"github.com/watchbill/watchbill/render/bundle"
)

var alertmanagerKind = kind{
	name: bundle.Alertmanager,
	stamp: stamp{
		path: "alertmanager.yml",
		text: withDigest,
		mark: func(text, _ string) string { return configHash(text) },
	},
	unmarked: "its configuration has no hash",
	reload:   "-/reload",
	read:     readAlertmanager,
}

// withDigest puts the bundle's digest into the configuration's own text, so that
// its hash tells two bundles apart that differ in templates only.
func withDigest(content, digest string) (string, error) {
	if content != "" && !strings.HasSuffix(content, "\n") {
		content += "\n"
	}
	return content + "# watchbill bundle " + digest + "\n", nil
}

// configHash is alertmanager_config_hash of a configuration: the first 48 bits of its MD5, which a float holds exactly.
func configHash(text string) string {
	sum := md5.Sum([]byte(text))
	var first [8]byte
	copy(first[:], sum[:6])
	return formatHash(float64(binary.LittleEndian.Uint64(first[:])))
}

func formatHash(hash float64) string { return strconv.FormatFloat(hash, 'f', 0, 64) }

// readAlertmanager asks for the hash of the configuration. /api/v2/status is no
// proof, it shows the configuration in other words.
func readAlertmanager(ctx context.Context, p *process) (running, error) {
	var r running
	values, err := p.gauges(ctx, "alertmanager_config_hash",
		"alertmanager_config_last_reload_successful", "alertmanager_config_last_reload_success_timestamp_seconds")
	if err != nil {
		return r, err
	}
	r.mark, r.ok = formatHash(values[0]), values[1] == 1
	r.loaded, err = seconds(values[2])
	return r, err
}
