package reconcile

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	applycorev1 "k8s.io/client-go/applyconfigurations/core/v1"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/tools/cache"

	"github.com/watchbill/watchbill/reconcile/forge"
)

// WakeName is the ConfigMap by which the replica that a webhook came to wakes
// the one that leads. Whatever stands in it does no more than wake.
const WakeName = "watchbill-wake"

const (
	wakePush  = "push"  // when a push came
	wakePulls = "pulls" // when something became of pull requests, and the numbers of which
	// maxPulls that are told apart; more are told as any.
	maxPulls = 100
	anyPull  = 0
)

// call is what there is to wake for: the newest revision, pull requests, or both.
type call struct {
	push  bool
	pulls []int // sorted
}

func (c call) String() string {
	if c.push {
		return fmt.Sprintf("push %v", c.pulls)
	}
	return fmt.Sprint(c.pulls)
}

// pullSet keeps few numbers: beyond them it is any.
type pullSet map[int]bool

func (p pullSet) add(pulls ...int) {
	for _, n := range pulls {
		switch {
		case p[anyPull] || p[n]:
		case n == anyPull || len(p) == maxPulls:
			clear(p)
			p[anyPull] = true
		default:
			p[n] = true
		}
	}
}

func (p pullSet) sorted() []int { return slices.Sorted(maps.Keys(p)) }

// waker passes calls on: at once, and to other processes then at most once in a
// while. What comes meanwhile is one call, however much it is.
type waker struct {
	branch string // pushes to others wake nobody; empty: any push does
	pause  time.Duration
	near   func() bool // sending is cheap, as it does not leave this process; nil: it never is
	send   func(context.Context, call) error
	log    *slog.Logger

	slot  trigger
	mu    sync.Mutex
	push  bool
	pulls pullSet
}

func newWaker(branch string, send func(context.Context, call) error, log *slog.Logger) *waker {
	return &waker{branch: branch, pause: time.Second, send: send, log: log, slot: newTrigger(), pulls: pullSet{}}
}

// take is given what a webhook hints at. It never blocks.
func (w *waker) take(e forge.Event) {
	switch {
	case e.Kind == forge.Pushed && (w.branch == "" || e.Branch == w.branch):
		w.call(call{push: true})
	case e.Kind == forge.Proposed:
		w.call(call{pulls: []int{e.Pull}})
	}
}

// call adds to what there is to wake for. It never blocks.
func (w *waker) call(c call) {
	if !c.push && len(c.pulls) == 0 {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.push = w.push || c.push
	w.pulls.add(c.pulls...)
	w.slot.fire()
}

func (w *waker) next() call {
	w.mu.Lock()
	defer w.mu.Unlock()
	c := call{push: w.push, pulls: w.pulls.sorted()}
	w.push, w.pulls = false, pullSet{}
	return c
}

// run sends until the context ends. A cluster that does not answer is tried
// again ever more slowly.
func (w *waker) run(ctx context.Context) error {
	failing := w.pause
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-w.slot:
		}
		pause, c := w.pause, w.next()
		if w.near != nil && w.near() {
			pause = 0
		}
		if err := w.try(ctx, c); err != nil && ctx.Err() == nil {
			pause, failing = failing, min(2*failing, time.Minute)
			w.log.Warn("leader was not woken", "call", c.String(), "error", err, "retry", pause.String())
			w.call(c)
		} else {
			failing = w.pause
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
	}
}

func (w *waker) try(ctx context.Context, c call) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	return w.send(ctx, c)
}

// sendCall wakes this process if it leads, and else the one that does.
func (d *Daemon) sendCall(ctx context.Context, c call) error {
	if d.health.leading.Load() {
		d.called(c)
		return nil
	}
	return writeCall(ctx, d.client.CoreV1().ConfigMaps(d.Namespace), d.Namespace, c, time.Now())
}

// called wakes the loop, and whoever looks at pull requests.
func (d *Daemon) called(c call) {
	if c.push {
		d.wake.fire()
	}
	if d.proposed == nil {
		return
	}
	for _, n := range c.pulls {
		d.proposed(n)
	}
}

// writeCall writes only what there is to wake for, with the time, so that the
// leader sees it change.
func writeCall(ctx context.Context, client typedcorev1.ConfigMapInterface, namespace string, c call, now time.Time) error {
	data, stamp := map[string]string{}, now.UTC().Format(time.RFC3339Nano)
	if c.push {
		data[wakePush] = stamp
	}
	if len(c.pulls) > 0 {
		fields := []string{stamp}
		for _, n := range c.pulls {
			fields = append(fields, strconv.Itoa(n))
		}
		data[wakePulls] = strings.Join(fields, " ")
	}
	cm := applycorev1.ConfigMap(WakeName, namespace).WithData(data)
	if _, err := client.Apply(ctx, cm, metav1.ApplyOptions{FieldManager: WakeName, Force: true}); err != nil {
		return fmt.Errorf("write configmap %s: %w", WakeName, err)
	}
	return nil
}

// onCall hears what other replicas write. What stood there before this one led
// is past: a leader begins with a look at everything.
func onCall(do func(call)) cache.ResourceEventHandler {
	return cache.ResourceEventHandlerDetailedFuncs{
		AddFunc: func(obj any, before bool) {
			if cm, ok := obj.(*corev1.ConfigMap); ok && !before {
				do(parseCall(nil, cm.Data))
			}
		},
		UpdateFunc: func(was, is any) {
			old, ok := was.(*corev1.ConfigMap)
			if cm, also := is.(*corev1.ConfigMap); ok && also {
				do(parseCall(old.Data, cm.Data))
			}
		},
	}
}

// parseCall reads what has changed.
func parseCall(was, is map[string]string) call {
	changed := func(key string) bool { return is[key] != "" && is[key] != was[key] }
	c := call{push: changed(wakePush)}
	if changed(wakePulls) {
		c.pulls = parsePulls(is[wakePulls])
	}
	return c
}

// parsePulls reads a time and numbers; what is no list of a few is any.
func parsePulls(text string) []int {
	const longest = 20 * maxPulls
	fields := strings.Fields(text[:min(len(text), longest)])
	if len(fields) < 2 || len(text) > longest {
		return []int{anyPull}
	}
	pulls := pullSet{}
	for _, field := range fields[1:] {
		n, err := strconv.ParseInt(field, 10, 32)
		if err != nil || n < 0 {
			n = anyPull
		}
		pulls.add(int(n))
	}
	return pulls.sorted()
}
