package schedule

import (
	"fmt"
	"strings"
	"time"
	_ "time/tzdata" // zones are known also where no files say them

	"github.com/robfig/cron/v3"
)

// Never is the schedule of a job that is turned off.
const Never = "never"

// tickFormat names a tick by its minute in UTC, so that the two ticks of an hour
// that a clock goes through twice have two names.
const tickFormat = "20060102t1504"

var standard = cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow | cron.Descriptor)

// Cron is a schedule in a time zone.
type Cron struct{ spec cron.SpecSchedule }

// ParseCron reads cron's five fields, or @hourly and the like. No zone is UTC.
func ParseCron(schedule, zone string) (Cron, error) {
	if strings.Contains(schedule, "TZ=") {
		return Cron{}, fmt.Errorf("schedule %q: the time zone has a setting of its own", schedule)
	}
	if zone == "Local" {
		return Cron{}, fmt.Errorf(`time zone "Local" is another one on every machine; use one from the IANA database, such as "Europe/Lisbon"`)
	}
	location, err := time.LoadLocation(zone)
	if err != nil {
		return Cron{}, fmt.Errorf(`time zone %q is not known; use one from the IANA database, such as "Europe/Lisbon"`, zone)
	}
	parsed, err := standard.Parse(schedule)
	if err != nil {
		return Cron{}, fmt.Errorf("schedule %q: %w", schedule, err)
	}
	spec, ok := parsed.(*cron.SpecSchedule)
	if !ok {
		return Cron{}, fmt.Errorf("schedule %q has no fixed times; use cron's five fields", schedule)
	}
	spec.Location = location
	if spec.Next(time.Unix(0, 0)).IsZero() {
		return Cron{}, fmt.Errorf("schedule %q never fires", schedule)
	}
	return Cron{*spec}, nil
}

// Next is the first tick after t, in UTC.
func (c Cron) Next(t time.Time) time.Time { return c.spec.Next(t).UTC() }

// due are the ticks after from until now: the newest, and how many there are.
func (c Cron) due(from, now time.Time) (newest time.Time, n int64) {
	// A record that is older than a year would only make the count longer.
	if year := now.AddDate(-1, 0, 0); from.Before(year) {
		from = year
	}
	for t := c.Next(from); !t.IsZero() && !t.After(now); t = c.Next(t) {
		newest, n = t, n+1
	}
	return newest, n
}

// JobName is the name of a kind's Job of one tick.
func JobName(kind string, tick time.Time) string {
	return "watchbill-" + kind + "-" + tick.UTC().Format(tickFormat)
}

// tickOf reads the tick from a Job's name; a Job that a person started has none.
func tickOf(kind, name string) (time.Time, bool) {
	text, ok := strings.CutPrefix(name, "watchbill-"+kind+"-")
	if !ok {
		return time.Time{}, false
	}
	tick, err := time.Parse(tickFormat, text)
	return tick, err == nil
}
