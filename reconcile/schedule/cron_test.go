package schedule

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestCron(t *testing.T) {
	tests := []struct {
		name, schedule, zone, from string
		want                       []string
	}{
		{"UTC without a zone", "30 2 * * *", "", "2026-01-05T00:00:00Z", []string{"20260105t0230", "20260106t0230"}},
		{"in a zone", "30 2 * * *", "Asia/Kolkata", "2026-01-05T00:00:00Z", []string{"20260105t2100", "20260106t2100"}},
		{"a descriptor", "@hourly", "Europe/Lisbon", "2026-01-05T00:10:00Z", []string{"20260105t0100", "20260105t0200"}},
		{"days by name", "0 12 * * mon-tue", "", "2026-01-05T13:00:00Z", []string{"20260106t1200", "20260112t1200"}},
		{"a tick that does not exist is left out", "30 2 * * *", "America/New_York", "2026-03-07T05:00:00Z",
			[]string{"20260307t0730", "20260309t0630"}},
		{"a tick that occurs twice runs twice, under two names", "30 1 * * *", "America/New_York", "2026-10-31T12:00:00Z",
			[]string{"20261101t0530", "20261101t0630", "20261102t0630"}},
		{"a midnight that does not exist is left out", "0 0 * * *", "America/Sao_Paulo", "2018-11-03T00:00:00Z",
			[]string{"20181103t0300", "20181105t0200"}},
		{"every hour through the change", "0 * * * *", "Europe/Lisbon", "2026-10-24T23:30:00Z",
			[]string{"20261025t0000", "20261025t0100", "20261025t0200"}},
		{"a leap day", "0 0 29 2 *", "", "2026-01-05T00:00:00Z", []string{"20280229t0000"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c, err := ParseCron(test.schedule, test.zone)
			must(t, err)
			at, err := time.Parse(time.RFC3339, test.from)
			must(t, err)
			var got []string
			for range test.want {
				at = c.Next(at)
				got = append(got, at.Format(tickFormat))
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestCronRefuses(t *testing.T) {
	tests := []struct{ schedule, zone, want string }{
		{"0 0 30 2 *", "", `schedule "0 0 30 2 *" never fires`},
		{"0 0 * * *", "Middle/Earth", `time zone "Middle/Earth" is not known`},
		{"0 0 * * *", "Local", "another one on every machine"},
		{"0 0 * * *", "../../etc/passwd", "is not known"},
		{"TZ=UTC 0 0 * * *", "", "a setting of its own"},
		{"TZ=", "", "a setting of its own"},
		{"@every 1h", "", "has no fixed times"},
		{"0 0 0 * * *", "", "expected exactly 5 fields"},
		{"61 * * * *", "", "above maximum"},
		{"", "", "empty"},
	}
	for _, test := range tests {
		_, err := ParseCron(test.schedule, test.zone)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%q in %q: %v, want %q", test.schedule, test.zone, err, test.want)
		}
	}
}

func TestDueIsBounded(t *testing.T) {
	c, err := ParseCron("* * * * *", "")
	must(t, err)
	now := time.Date(2026, 1, 5, 10, 0, 30, 0, time.UTC)
	newest, n := c.due(time.Time{}, now)
	if want := int64(365 * 24 * 60); n != want || newest != now.Truncate(time.Minute) {
		t.Errorf("%d ticks until %s, want %d", n, newest, want)
	}
}

func FuzzParseCron(f *testing.F) {
	f.Add("0 0 * * *", "UTC")
	f.Add("TZ=", "Local")
	f.Add("@every 1h", "")
	f.Add("*/7 1-5,9 L * sun", "Europe/Lisbon")
	f.Fuzz(func(t *testing.T, schedule, zone string) {
		c, err := ParseCron(schedule, zone)
		if err != nil {
			return
		}
		from := time.Date(2026, 1, 5, 10, 0, 30, 0, time.UTC)
		next := c.Next(from)
		if !next.IsZero() && !next.After(from) {
			t.Errorf("%q in %q: after %s comes %s", schedule, zone, from, next)
		}
	})
}
