package repolayout

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // time zones must not depend on the machine that validates

	"github.com/prometheus/alertmanager/timeinterval"
	"github.com/robfig/cron/v3"
	"go.yaml.in/yaml/v3"
	"k8s.io/apimachinery/pkg/util/validation"
)

// never is the schedule of a job that is turned off.
const never = "never"

// checkTimeZone reads a name of the IANA database. The pattern wants a capital
// at the beginning, as every zone has, and so keeps away from what else lies
// where some machines have their zones: posix/, right/ and localtime.
func checkTimeZone(s string) error {
	if s == "Local" || s == "Factory" {
		return errors.New("it is no zone of the IANA database")
	}
	if _, err := time.LoadLocation(s); err != nil {
		return errors.New("it is no zone of the IANA database")
	}
	return nil
}

// checkSchedule reads a schedule as the daemon does, and wants it to come round.
func checkSchedule(s string) error {
	switch {
	case s == never:
		return nil
	case len(s) > 256:
		return errors.New("it is longer than 256 characters")
	case strings.HasPrefix(s, "TZ=") || strings.HasPrefix(s, "CRON_TZ="):
		return errors.New("the time zone does not stand in the schedule; the key timeZone says it")
	case strings.HasPrefix(s, "@every"):
		return errors.New("it would begin anew with each start of the daemon")
	}
	schedule, err := cron.ParseStandard(s)
	if err != nil {
		return err
	}
	// Any day of 2027 will do: the next leap year comes within the five years that Next looks ahead.
	if schedule.Next(time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)).IsZero() {
		return errors.New("there is no such day, so it never comes round")
	}
	return nil
}

// checkBucket is what S3 asks of a name beyond its letters.
func checkBucket(s string) error {
	if strings.Contains(s, "..") {
		return errors.New("it has two dots in a row")
	}
	if _, err := netip.ParseAddr(s); err == nil {
		return errors.New("it looks like an address")
	}
	return nil
}

func checkKeyPrefix(s string) error {
	for part := range strings.SplitSeq(s, "/") {
		if part == "." || part == ".." {
			return fmt.Errorf("a part of it is %q", part)
		}
	}
	return atMost(512)(s)
}

// checkEndpoint leaves out url.Parse's own words, which repeat what may hold a password.
func checkEndpoint(s string) error {
	u, err := url.Parse(s)
	if err != nil {
		return errors.New("it is not a URL")
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
			return errors.New("its port is none")
		}
	}
	return nil
}

func checkAnnotation(s string) error {
	if wrong := validation.IsQualifiedName(strings.ToLower(s)); len(wrong) > 0 {
		return errors.New(wrong[0])
	}
	return nil
}

// checkClockRange and its like ask Alertmanager's own reader.
func checkClockRange(s string) error {
	start, end, _ := strings.Cut(s, "-")
	_, err := readAs[timeinterval.TimeRange](map[string]string{"start_time": start, "end_time": end})
	return err
}

func checkWeekdayRange(s string) error {
	_, err := readAs[timeinterval.WeekdayRange](s)
	return err
}

func checkDayRange(s string) error {
	_, err := readAs[timeinterval.DayOfMonthRange](s)
	return err
}

// checkMonthRange asks for a month of the year besides, which Alertmanager does not.
func checkMonthRange(s string) error {
	r, err := readAs[timeinterval.MonthRange](s)
	if err == nil && (r.Begin < 1 || r.End > 12) {
		return errors.New("a year has the months 1 to 12")
	}
	return err
}

func readAs[T any](v any) (out T, err error) {
	text, err := yaml.Marshal(v)
	if err == nil {
		err = yaml.Unmarshal(text, &out)
	}
	return out, err
}
