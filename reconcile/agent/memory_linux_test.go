package agent

import "testing"

func TestCleanMapping(t *testing.T) {
	const program = "/usr/bin/watchbill"
	for line, want := range map[string]bool{
		"00400000-026eb000 r-xp 00000000 fe:00 9978652      /usr/bin/watchbill":           true,
		"026eb000-05284000 r--p 022eb000 fe:00 9978652      /usr/bin/watchbill":           true,
		"05284000-053bf000 rw-p 04e84000 fe:00 9978652      /usr/bin/watchbill":           false, // data: it would be lost
		"05284000-053bf000 r--s 04e84000 fe:00 9978652      /usr/bin/watchbill":           false,
		"7f0000000000-7f0000021000 r--p 00000000 fe:00 1    /usr/lib/other":               false,
		"00400000-026eb000 r-xp 00000000 fe:00 9978652      /usr/bin/watchbill (deleted)": false,
		"c000000000-c000400000 rw-p 00000000 00:00 0":                                     false,
		"026eb000-026eb000 r--p 022eb000 fe:00 9978652      /usr/bin/watchbill":           false,
		"x-y r--p 0 0 0 /usr/bin/watchbill":                                               false,
	} {
		low, size, ok := cleanMapping(line, program)
		if ok != want || (ok && (low == 0 || size == 0)) {
			t.Errorf("%s: %x %d %v", line, low, size, ok)
		}
	}
}

// TestReleaseProgram: what was given back is there again when it is needed.
func TestReleaseProgram(t *testing.T) {
	releaseProgram()
	if _, err := markerFile("", "x"); err != nil {
		t.Error(err)
	}
}
