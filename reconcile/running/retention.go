package running

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/watchbill/watchbill/reconcile/build"
	repolayout "github.com/watchbill/watchbill/repo-layout"
	"github.com/watchbill/watchbill/stores/audit"
	"github.com/watchbill/watchbill/stores/block"
	"github.com/watchbill/watchbill/stores/retain"
)

// storeName is what the pods of Thanos Store are called.
const storeName = "thanos-store"

// blocksAnswer is Thanos Store's at /api/v1/blocks.
type blocksAnswer struct {
	Data struct {
		Label  string            `json:"label"`
		Blocks []json.RawMessage `json:"blocks"`
	} `json:"data"`
}

// Blocks are those that the Thanos Stores serve: all of the bucket that are
// whole and not about to go. The daemon has no key of the bucket itself.
func (s *Stack) Blocks(ctx context.Context) (*audit.Inventory, error) {
	pods, err := s.pods(ctx, storeName)
	if err != nil {
		return nil, err
	}
	var metas []block.Meta
	bucket := ""
	for _, pod := range pods {
		raw, err := s.get(ctx, pod, storePort, "api/v1/blocks", url.Values{"view": {"loaded"}})
		if err != nil {
			return nil, err
		}
		var answer blocksAnswer
		if err := json.Unmarshal(raw, &answer); err != nil {
			return nil, fmt.Errorf("ask %s: read its answer: %w", pod.Name, err)
		}
		for _, raw := range answer.Data.Blocks {
			m, err := block.ParseMeta(raw)
			if err != nil {
				return nil, fmt.Errorf("ask %s: %w", pod.Name, err)
			}
			metas = append(metas, m)
		}
		bucket = answer.Data.Label
	}
	return audit.Told(bucket, metas, s.now()), nil
}

// Retention says what the next run of retain would mark by the retention of
// head, and did not by that of base.
func (s *Stack) Retention(ctx context.Context, base, head *repolayout.Environment) (string, error) {
	if head.Name != s.Environment {
		return "", ErrElsewhere
	}
	inv, err := s.Blocks(ctx)
	if err != nil {
		return "", err
	}
	var goes [2]map[string]retain.Step
	for i, env := range []*repolayout.Environment{base, head} {
		policy, err := build.Retention(env)
		if err != nil {
			return "", err
		}
		plan, err := retain.Make(policy, inv, s.now())
		if err != nil {
			return "", err
		}
		goes[i] = map[string]retain.Step{}
		for _, step := range plan.Steps {
			if step.Action == retain.Mark || step.Action == retain.Delete {
				goes[i][step.Block.String()] = step
			}
		}
	}
	return tellDifference(goes[0], goes[1], len(inv.Blocks)), nil
}

func tellDifference(before, after map[string]retain.Step, all int) string {
	more := minus(after, before)
	if len(more) == 0 {
		if spared := minus(before, after); len(spared) > 0 {
			return fmt.Sprintf("It keeps %s that would go now; it deletes nothing.", sumOf(spared))
		}
		return fmt.Sprintf("It deletes nothing of the %d blocks that are there today.", all)
	}
	var text strings.Builder
	fmt.Fprintf(&text, "It deletes **%s**, of %d, that are kept today:\n", sumOf(more), all)
	const shown = 10
	for i, id := range slices.Sorted(maps.Keys(more)) {
		if i == shown {
			fmt.Fprintf(&text, "- and %d more; `watchbill retention plan` shows all\n", len(more)-shown)
			break
		}
		step := more[id]
		fmt.Fprintf(&text, "- `%s` %s, %s", id, step.Resolution, audit.Size(step.Bytes))
		if step.From != nil && step.To != nil {
			fmt.Fprintf(&text, ", %s to %s", step.From.UTC().Format("2006-01-02 15:04"), step.To.UTC().Format("2006-01-02 15:04"))
		}
		fmt.Fprintf(&text, " `%s`\n", step.Labels)
	}
	return strings.TrimSpace(text.String())
}

func minus(a, b map[string]retain.Step) map[string]retain.Step {
	out := maps.Clone(a)
	maps.DeleteFunc(out, func(id string, _ retain.Step) bool { _, also := b[id]; return also })
	return out
}

func sumOf(steps map[string]retain.Step) string {
	var bytes int64
	for _, s := range steps {
		bytes += s.Bytes
	}
	if len(steps) == 1 {
		return "1 block (" + audit.Size(bytes) + ")"
	}
	return fmt.Sprintf("%d blocks (%s)", len(steps), audit.Size(bytes))
}
