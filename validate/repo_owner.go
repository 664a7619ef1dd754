package validate

import (
	"fmt"
	"regexp"
	"strings"

	repolayout "github.com/watchbill/watchbill/repo-layout"
)

// nobody is what people write for an owner until there is one.
var nobody = regexp.MustCompile(`(?i)^[^\pL\pN]*(todo|tbd|tba|fixme|xxx+|none|nobody|no[- ]?one|n/?a|unknown|unowned|owner|team|your[- ]?(team|name)|changeme|change[- ]me|test|null|nil)?[^\pL\pN]*$`)

// ownerless reports a team whose owner is nobody that could be asked. That the
// key or the file is missing, the loader has said.
func ownerless(t *repolayout.Team) []Finding {
	owner := t.Spec.Owner
	if owner == "" || !nobody.MatchString(owner) {
		return nil
	}
	f := Finding{
		Check: repoOwner, Severity: Error, Owner: t.Name, Pos: placeOr(t.Spec.Places.At("owner"), t.Spec.Pos),
		Message: fmt.Sprintf("the owner %q is nobody whom one could ask about teams/%s", clip(owner), t.Name),
		Hint:    "write the address, list or handle of those who answer for the folder's alerts",
	}
	if strings.TrimSpace(owner) == "" {
		f.Message = fmt.Sprintf("the owner of teams/%s is blank", t.Name)
	}
	return []Finding{f}
}
