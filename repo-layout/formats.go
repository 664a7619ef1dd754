package repolayout

import (
	"errors"
	"fmt"
	"net/mail"
	"net/url"
	"regexp"
	"strings"

	"github.com/prometheus/common/model"
	"k8s.io/apimachinery/pkg/api/resource"
)

// format is what a string has to look like, named by the tags of the spec files.
type format struct {
	// pattern stands in the JSON schema too, so it is plain enough for every engine.
	pattern *regexp.Regexp
	// like says what to write, for the hint.
	like string
	// check says more than a pattern can; may be nil.
	check func(string) error
	// id of the problem; empty is badValue.
	id string
	// secret: what was written by mistake may be one, and is not repeated.
	secret bool
}

const oneDuration = `[0-9]+(ms|[ywdhms])`

// formats by the name that the tags use.
var formats = map[string]format{
	"duration": {
		pattern: regexp.MustCompile(`^(0|(` + oneDuration + `)+)$`),
		like:    `a duration such as "30s", "5m" or "1h30m"`,
		check:   func(s string) error { _, err := model.ParseDuration(s); return err },
	},
	"period": {
		pattern: regexp.MustCompile(`^(` + oneDuration + `)*[0-9]*[1-9][0-9]*(ms|[ywdhms])(` + oneDuration + `)*$`),
		like:    `a duration of more than zero, such as "30s", "5m" or "15d"`,
		check:   func(s string) error { _, err := model.ParseDuration(s); return err },
	},
	"quantity": {
		pattern: regexp.MustCompile(`^[0-9]+(\.[0-9]+)?(m|k|M|G|T|P|Ki|Mi|Gi|Ti|Pi)?$`),
		like:    `a quantity such as "50m", "0.5", "128Mi" or "10Gi"`,
		check:   checkQuantity,
	},
	"bytes": {
		pattern: regexp.MustCompile(`^[0-9]+(\.[0-9]+)?(k|M|G|T|P|Ki|Mi|Gi|Ti|Pi)?$`),
		like:    `a number of bytes such as "128Mi" or "10Gi"`,
		check:   checkQuantity,
	},
	"percentage": {
		pattern: regexp.MustCompile(`^(100|[0-9]{1,2}(\.[0-9]+)?)%$`),
		like:    `a percentage such as "50%"`,
	},
	"dnsLabel": {
		pattern: regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`),
		like:    "at most 63 lower-case letters, digits and dashes, with no dash at either end",
		id:      badName,
	},
	"dnsName": {
		pattern: regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`),
		like:    "lower-case letters, digits, dashes and dots, beginning and ending with a letter or digit",
		check:   atMost(253),
		id:      badName,
	},
	"word": {
		pattern: regexp.MustCompile(`^[a-z0-9]([_a-z0-9-]*[a-z0-9])?$`),
		like:    `a lower-case word such as "critical"`,
	},
	"groupLabel": {
		pattern: regexp.MustCompile(`^(\.\.\.|[a-zA-Z_][a-zA-Z0-9_]*)$`),
		like:    `a label's name, or "..." for all labels`,
	},
	"externalLabel": {
		pattern: regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*$`),
		like:    `a label's name, but not "replica" or "shard" (Watchbill sets them) and none that begins with "__"`,
		check:   checkExternalLabel,
		id:      badName,
	},
	"resource": {
		pattern: regexp.MustCompile(`^[a-z0-9]([-a-z0-9./]*[a-z0-9])?$`),
		like:    `a resource's name such as "cpu" or "memory"`,
		id:      badName,
	},
	"secretKey": {
		pattern: regexp.MustCompile(`^[-_a-zA-Z0-9][-._a-zA-Z0-9]{0,252}$`),
		like:    "the name of a key of the receivers' Secret (letters, digits, dashes, dots); the secret itself never stands in the repo",
		secret:  true,
	},
	"addresses": {
		pattern: regexp.MustCompile(`^[^@]+@[^@]+(,[^@]+@[^@]+)*$`),
		like:    `an e-mail address, or several with commas between`,
		check:   func(s string) error { _, err := mail.ParseAddressList(s); return err },
	},
	"hostPort": {
		pattern: regexp.MustCompile(`^(\[[0-9a-fA-F:]+\]|[^\[\] :/]+):[0-9]{1,5}$`),
		like:    `a host and port such as "smtp.example.org:587"`,
	},
	"httpURL": {
		pattern: regexp.MustCompile(`^https?://[^/@ ]+([/?#][^ ]*)?$`),
		like:    `a URL such as "https://example.org/hook" without user and password; a URL that is a secret goes into the receivers' Secret, named by urlKey`,
		check:   checkURL,
		secret:  true,
	},
	"bucket": {
		pattern: regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`),
		like:    "the name of a bucket: 3 to 63 lower-case letters, digits, dashes and dots, beginning and ending with a letter or digit",
		check:   checkBucket,
		id:      badName,
	},
	"region": {
		pattern: regexp.MustCompile(`^[a-z]+[0-9]*(-[a-z0-9]+)*$`),
		like:    `a region such as "eu-west-1"`,
	},
	"keyPrefix": {
		pattern: regexp.MustCompile(`^[A-Za-z0-9_.=-]+(/[A-Za-z0-9_.=-]+)*$`),
		like:    `a prefix such as "metrics/prod": letters, digits, _ . = -, and slashes between`,
		check:   checkKeyPrefix,
		id:      badName,
	},
	"endpoint": {
		pattern: regexp.MustCompile(`^https?://(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?)(:[0-9]{1,5})?$`),
		like:    `a server's URL such as "https://s3.eu-west-1.amazonaws.com", without user, password and path; the keys stand in the Secret that the key secret names`,
		check:   checkEndpoint,
		secret:  true,
	},
	"annotation": {
		pattern: regexp.MustCompile(`^([a-z0-9][a-z0-9.-]*/)?[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$`),
		like:    `an annotation's name such as "eks.amazonaws.com/role-arn"`,
		check:   checkAnnotation,
		id:      badName,
	},
	"selector": {
		pattern: regexp.MustCompile(`^\{(.|\n|\r)+$`),
		like:    `matchers in braces such as {environment="dev"} or {environment=~"dev|test"}`,
		check:   func(s string) error { _, err := ParseSelector(s); return err },
	},
	"timeZone": {
		pattern: regexp.MustCompile(`^[A-Z][A-Za-z0-9_+/-]*$`),
		like:    `a time zone of the IANA database such as "UTC" or "Europe/Lisbon"`,
		check:   checkTimeZone,
	},
	"schedule": {
		pattern: regexp.MustCompile(`^(never|@(yearly|annually|monthly|weekly|daily|midnight|hourly)|[^ \t@=]+( +[^ \t@=]+){4})$`),
		like:    `cron's five fields (minute, hour, day of month, month, day of week) such as "17 * * * *", or "@hourly", "@daily", "@weekly", "@monthly", "never"`,
		check:   checkSchedule,
	},
	"clockRange": {
		pattern: regexp.MustCompile(`^([01][0-9]|2[0-3]):[0-5][0-9]-(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$`),
		like:    `times of one day such as "09:00-17:30"; over midnight takes two: "22:00-24:00" and "00:00-06:00"`,
		check:   checkClockRange,
	},
	"weekdayRange": {
		pattern: regexp.MustCompile(`^[a-z]+day(:[a-z]+day)?$`),
		like:    `days such as "saturday" or "monday:friday"; the week begins on sunday`,
		check:   checkWeekdayRange,
	},
	"dayRange": {
		pattern: regexp.MustCompile(`^-?[0-9]{1,2}(:-?[0-9]{1,2})?$`),
		like:    `days of the month such as "1", "1:7" or "-3:-1" (from its end)`,
		check:   checkDayRange,
	},
	"monthRange": {
		pattern: regexp.MustCompile(`^([a-z]+|[0-9]{1,2})(:([a-z]+|[0-9]{1,2}))?$`),
		like:    `months such as "december", "12" or "1:3"`,
		check:   checkMonthRange,
	},
	"check": {
		pattern: regexp.MustCompile(`^[a-z]+/[a-z]+(-[a-z]+)*$`),
		like:    `a check's id such as "rules/comparison"`,
	},
	"checkSeverity": {
		pattern: regexp.MustCompile(`^(error|warning|off)$`),
		like:    `"error", "warning" or "off"`,
	},
	"labelName": {
		pattern: regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]{0,254}$`),
		like:    `a label's or an annotation's name such as "severity" or "runbook_url"`,
	},
	"regexp": {
		pattern: regexp.MustCompile(`^(.|\n|\r)+$`),
		like:    `a regexp such as "[A-Z][A-Za-z0-9]+"; it has to match the whole name`,
		check:   checkRegexp,
	},
	"version": {
		pattern: regexp.MustCompile(`^[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?$`),
		like:    `a version such as "3.15.0", without a leading v`,
	},
	"image": {
		pattern: regexp.MustCompile(`^([a-zA-Z0-9.-]+(:[0-9]+)?/)?[a-z0-9]+([._-]+[a-z0-9]+)*(/[a-z0-9]+([._-]+[a-z0-9]+)*)*$`),
		like:    `an image such as "quay.io/prometheus/prometheus", without a tag`,
	},
}

// errOf says why a string has not this format, or nil.
func (f format) errOf(s string) error {
	if f.check != nil {
		if err := f.check(s); err != nil {
			return err
		}
	}
	if !f.pattern.MatchString(s) {
		return errors.New("it has another form")
	}
	return nil
}

func checkQuantity(s string) error {
	q, err := resource.ParseQuantity(s)
	if err == nil && q.Sign() <= 0 {
		return errors.New("it is not more than zero")
	}
	return err
}

// checkURL leaves out url.Parse's own words, which repeat the URL.
func checkURL(s string) error {
	if _, err := url.Parse(s); err != nil {
		return errors.New("it is not a URL")
	}
	return nil
}

func checkRegexp(s string) error {
	if len(s) > 1000 {
		return errors.New("it has more than 1000 bytes")
	}
	_, err := regexp.Compile("^(?:" + s + ")$")
	return err
}

func checkExternalLabel(s string) error {
	if s == "replica" || s == "shard" || strings.HasPrefix(s, "__") {
		return errors.New("it is reserved")
	}
	return nil
}

func atMost(n int) func(string) error {
	return func(s string) error {
		if len(s) > n {
			return fmt.Errorf("it is longer than %d characters", n)
		}
		return nil
	}
}
