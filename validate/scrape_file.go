package validate

import (
	"path"
	"slices"
	"strings"
)

// files reports files that Prometheus's pod does not have: nothing is mounted
// where they should be.
func (j *scrapeJob) files() {
	for _, s := range settings(j.ScrapeConfig) {
		if namesFile(s) {
			j.fileRead(s)
		}
	}
	if log := j.ScrapeFailureLogFile; log != "" && (!path.IsAbs(log) || !within(path.Clean(log), append([]string{sampleFolder}, j.folders...))) {
		j.report(scrapeFile, nodeAt(j.node, "scrape_failure_log_file"),
			"write it below "+sampleFolder+", or mount a volume into the container prometheus by a patch of the StatefulSet prometheus in patches/",
			"Prometheus cannot write %q: %s is the one folder of its pod that is not read-only", clip(log), sampleFolder)
	}
}

func (j *scrapeJob) fileRead(s setting) {
	const mount = "mount it into the container prometheus by a patch of the StatefulSet prometheus in patches/, and name it by its whole path"
	at := j.written(s)
	switch file := path.Clean(s.value); {
	case strings.HasPrefix(s.value, "unix://"):
		j.report(scrapeFile, at, "discover through the API over the network", "Prometheus's pod has no socket %q", clip(s.value))
	case !path.IsAbs(file):
		j.report(scrapeFile, at, mount, "%s: Prometheus looks for %q beside this file, where its pod has nothing but scrape files", s.key, clip(s.value))
	case !within(file, slices.Concat([]string{tokenFolder, sampleFolder}, imageFolders, j.folders)):
		j.report(scrapeFile, at, mount, "%s: nothing is mounted in Prometheus's pod where %q should be", s.key, clip(s.value))
	}
}

// namesFile says whether a setting is the path of a file.
func namesFile(s setting) bool {
	switch s.key {
	case "files", "credentials_file_path", "service_account_key_path", "private_key_path":
		return true
	case "host":
		return strings.HasPrefix(s.value, "unix://")
	}
	return !s.secret && strings.HasSuffix(s.key, "_file")
}
