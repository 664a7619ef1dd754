package validate

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestMessagesOfYAML: a decoder's message is one finding, though it quotes several lines.
func TestMessagesOfYAML(t *testing.T) {
	const text = "route: |\n  page\n\n  payments\nreceivers: [x]\ninhibit_rule: []\n"
	want := []string{
		`alertmanager.yml:1:1: error: "page  p" cannot be used here [routing/config] (keys with values belong here, as in key: value)`,
		`alertmanager.yml:5:13: error: "x" cannot be used here [routing/config] (keys with values belong here, as in key: value)`,
		`alertmanager.yml:6:1: error: unknown key "inhibit_rule" [routing/config] (did you mean "inhibit_rules"?)`,
	}
	if diff := cmp.Diff(want, lines(AlertmanagerConfig("alertmanager.yml", "", []byte(text)))); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}

// TestQuotedValues: a decoder cuts what it quotes, and a person looks for all of it.
func TestQuotedValues(t *testing.T) {
	const hint = " [routing/config] (keys with values belong here, as in key: value)"
	for text, want := range map[string]string{
		"route: everything to payments # now\n":      `1:8: error: "everything to payments" cannot be used here` + hint,
		"route: \"everything # to\" # now\n":         `1:9: error: "everything # to" cannot be used here` + hint,
		"receivers: [everything to me, {name: a}]\n": `1:13: error: "everything to me" cannot be used here` + hint,
		"route: payments\n":                          `1:8: error: "payments" cannot be used here` + hint,
		"receivers: payments\n":                      `1:12: error: "payments" cannot be used here [routing/config] (a list belongs here: put "- " before each item)`,
	} {
		found := lines(AlertmanagerConfig("alertmanager.yml", "", []byte(text)))
		if diff := cmp.Diff([]string{"alertmanager.yml:" + want}, found); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
	}
}
