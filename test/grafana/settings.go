package grafana

import (
	"fmt"
	"net"
	"os"
	"strings"
)

// FromEnv reads the settings that matter here from the environment, as Grafana's
// image does: GF_SECTION_KEY, or GF_SECTION_KEY__FILE for a file that holds the value.
func FromEnv(lookup func(string) (string, bool)) (Options, error) {
	values := map[string]string{
		"GF_PATHS_PROVISIONING":      "/etc/grafana/provisioning",
		"GF_SERVER_HTTP_ADDR":        "",
		"GF_SERVER_HTTP_PORT":        "3000",
		"GF_SECURITY_ADMIN_USER":     "admin",
		"GF_SECURITY_ADMIN_PASSWORD": "admin",
	}
	for name := range values {
		direct, set := lookup(name)
		path, inFile := lookup(name + "__FILE")
		switch {
		case set && inFile:
			return Options{}, fmt.Errorf("%s and %s__FILE are both set; set one of them", name, name)
		case set && direct != "":
			values[name] = direct
		case inFile:
			text, err := os.ReadFile(path)
			if err != nil {
				return Options{}, fmt.Errorf("read %s__FILE: %w", name, err)
			}
			values[name] = strings.TrimRight(string(text), "\r\n")
		}
	}
	return Options{
		Provisioning: values["GF_PATHS_PROVISIONING"],
		Address:      net.JoinHostPort(values["GF_SERVER_HTTP_ADDR"], values["GF_SERVER_HTTP_PORT"]),
		User:         values["GF_SECURITY_ADMIN_USER"],
		Password:     values["GF_SECURITY_ADMIN_PASSWORD"],
		Env:          func(name string) string { value, _ := lookup(name); return value },
	}, nil
}
