package validate

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestMessagesOfYAML: a decoder's message is one finding, though it quotes several lines.
func TestMessagesOfYAML(t *testing.T) {
	const text = "route: |\n  page\n\n  payments\nreceivers: [x]\ninhibit_rule: []\n"
	want := []string{
		`alertmanager.yml:1:1: error: "page  p" cannot be used here [routing/config]`,
		`alertmanager.yml:5:13: error: "x" cannot be used here [routing/config]`,
		`alertmanager.yml:6:1: error: unknown key "inhibit_rule" [routing/config] (did you mean "inhibit_rules"?)`,
	}
	if diff := cmp.Diff(want, lines(AlertmanagerConfig("alertmanager.yml", "", []byte(text)))); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}
