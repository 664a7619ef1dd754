package review

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// section is a part of a comment: its head and foot stay, its items may go.
type section struct {
	head, foot string
	items      []item
	left       int // items that did not get in
}

// item is one entry of a section, and what stands in its place where there is no room.
type item struct{ text, short string }

func (s *section) add(text string) { s.items = append(s.items, item{text: text}) }

// fill adds the first of n entries.
func (s *section) fill(n, most int, entry func(i int) string) {
	for i := range min(n, most) {
		s.add(entry(i))
	}
	s.left += max(0, n-most)
}

// table says what is left out in the way of a table, which no entry of a list may follow.
func (s *section) table() {
	if s.left > 0 {
		s.foot = fmt.Sprintf("\n… and %s more\n", several(s.left, "row")) + s.foot
		s.left = 0
	}
}

func (s *section) size() int {
	n := len(s.head) + len(s.foot) + 32
	for _, i := range s.items {
		n += len(i.text)
	}
	return n
}

func (s *section) write(b *strings.Builder) {
	b.WriteString(s.head)
	for _, i := range s.items {
		b.WriteString(i.text)
	}
	if s.left > 0 {
		fmt.Fprintf(b, "- … and %d more\n", s.left)
	}
	b.WriteString(s.foot)
}

// join writes sections within so many bytes. Where there is no room, the largest
// items make way for their short forms first, then the last items of the largest
// sections go; more is said at the end.
func join(sections []*section, room int, more string) string {
	total := 0
	for _, s := range sections {
		total += s.size()
	}
	if total > room {
		fit(sections, total, room-len(more))
	} else {
		more = ""
	}
	var b strings.Builder
	for _, s := range sections {
		s.write(&b)
	}
	b.WriteString(more)
	return b.String()
}

func fit(sections []*section, total, room int) {
	var long []*item
	for _, s := range sections {
		for n := range s.items {
			if i := &s.items[n]; i.short != "" && i.gain() > 0 {
				long = append(long, i)
			}
		}
	}
	slices.SortStableFunc(long, func(a, b *item) int { return cmp.Compare(b.gain(), a.gain()) })
	for _, i := range long {
		if total <= room {
			return
		}
		total -= i.gain()
		i.text = i.short
	}
	drop(sections, total, room)
}

func (i *item) gain() int { return len(i.text) - len(i.short) }

// drop takes the last item of the largest section until the rest fits. Heads
// and feet are ours, and short.
func drop(sections []*section, total, room int) {
	sizes := make([]int, len(sections))
	for n, s := range sections {
		sizes[n] = s.size()
	}
	for total > room {
		largest := -1
		for n, s := range sections {
			if len(s.items) > 0 && (largest < 0 || sizes[n] > sizes[largest]) {
				largest = n
			}
		}
		if largest < 0 {
			return
		}
		s := sections[largest]
		last := len(s.items) - 1
		total, sizes[largest] = total-len(s.items[last].text), sizes[largest]-len(s.items[last].text)
		s.items = s.items[:last]
		s.left++
	}
}
