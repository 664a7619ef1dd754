package host

import "testing"

func TestDebian(t *testing.T) {
	for name, test := range map[string]struct {
		release string
		want    bool
	}{
		"debian":      {"NAME=\"Debian GNU/Linux\"\nID=debian\n", true},
		"ubuntu":      {"ID=ubuntu\nID_LIKE=debian\n", true},
		"a family":    {"ID=pop\nID_LIKE=\"ubuntu debian\"\n", true},
		"fedora":      {"ID=fedora\n", false},
		"only a name": {"NAME=debian\n", false},
		"empty":       {"", false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := debian(test.release); got != test.want {
				t.Errorf("debian = %v, want %v", got, test.want)
			}
		})
	}
}
