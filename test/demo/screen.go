package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"golang.org/x/term"
)

// screen writes for people: with colours and one moving line of progress on a
// terminal, in plain lines elsewhere.
type screen struct {
	mu     sync.Mutex
	out    io.Writer
	rich   bool
	width  int
	moving bool     // a line of progress stands where the next line goes
	last   []string // lines of progress, for when something fails
	acts   int
}

func newScreen(f *os.File) *screen {
	s := &screen{out: f, rich: term.IsTerminal(int(f.Fd())) && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"}
	if width, _, err := term.GetSize(int(f.Fd())); s.rich && err == nil {
		s.width = width
	}
	return s
}

const (
	bold  = "1"
	dim   = "2"
	red   = "31"
	green = "32"
	amber = "33"
)

func (s *screen) paint(code, text string) string {
	if !s.rich {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

func (s *screen) line(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.moving {
		fmt.Fprint(s.out, "\r\x1b[K")
		s.moving = false
	}
	fmt.Fprintln(s.out, text)
}

func (s *screen) title(format string, args ...any) {
	s.acts++
	s.line("\n" + s.paint(bold, fmt.Sprintf("%d. "+format, append([]any{s.acts}, args...)...)))
}

func (s *screen) say(format string, args ...any) { s.line("   " + fmt.Sprintf(format, args...)) }

func (s *screen) note(format string, args ...any) {
	s.line("   " + s.paint(dim, fmt.Sprintf(format, args...)))
}

func (s *screen) ok(format string, args ...any) {
	s.line("   " + s.paint(green, s.mark("✓", "ok:")+" "+fmt.Sprintf(format, args...)))
}

func (s *screen) refused(format string, args ...any) {
	s.line("   " + s.paint(amber, s.mark("✗", "refused:")+" "+fmt.Sprintf(format, args...)))
}

func (s *screen) mark(rich, plain string) string {
	if s.rich {
		return rich
	}
	return plain
}

// fault says why the demo ends, with the last lines of progress, which tell more.
func (s *screen) fault(err error) {
	if s.rich {
		for _, l := range s.last {
			s.note("%s", l)
		}
	}
	s.line("\n" + s.paint(red, "demo: "+err.Error()))
}

// diff prints the changed lines of a unified diff.
func (s *screen) diff(text string) {
	for l := range strings.Lines(text) {
		l = strings.TrimRight(l, "\n")
		switch {
		case strings.HasPrefix(l, "+++ b/"):
			s.say("%s", s.paint(bold, strings.TrimPrefix(l, "+++ b/")))
		case strings.HasPrefix(l, "+++"), strings.HasPrefix(l, "---"):
		case strings.HasPrefix(l, "+"):
			s.say("  %s", s.paint(green, l))
		case strings.HasPrefix(l, "-"):
			s.say("  %s", s.paint(red, l))
		}
	}
}

// progress takes lines that only matter while they happen.
func (s *screen) progress() io.Writer { return &progress{screen: s} }

type progress struct {
	screen *screen
	mu     sync.Mutex
	rest   string
}

func (p *progress) Write(text []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rest += string(text)
	for {
		line, rest, whole := strings.Cut(p.rest, "\n")
		if !whole {
			return len(text), nil
		}
		p.rest = rest
		p.screen.move(strings.TrimSpace(line))
	}
}

// move shows a line of progress in the place of the one before.
func (s *screen) move(line string) {
	if !s.rich {
		s.say("%s", line)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	const keep = 15
	s.last = append(s.last, line)[max(0, len(s.last)+1-keep):]
	if most := s.width - 4; most > 0 && len(line) > most {
		line = line[:most]
	}
	fmt.Fprint(s.out, "\r\x1b[K   "+s.paint(dim, line))
	s.moving = true
}
