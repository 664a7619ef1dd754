package repolayout

import (
	"fmt"
	"time"
)

// What Thanos needs of the source before it has downsampled it; it refuses
// shorter ages, as it would make blocks from what is gone.
const (
	leastRaw         = 40 * time.Hour
	leastFiveMinutes = 10 * 24 * time.Hour
)

// finishCompact wants selectors that cannot pick one block twice: two runs on
// one block leave overlaps that stop all compaction.
func (r *report) finishCompact(e *Environment) {
	var known []Selector
	for i, text := range e.Compact.Selectors {
		selector, err := ParseSelector(text)
		if err != nil {
			continue // the decoder has said so
		}
		at := e.Places.At(fmt.Sprintf("compact.selectors[%d]", i))
		for _, other := range known {
			if !selector.disjoint(other) {
				r.add(contradiction, at, `let them name different values of one label, such as {tier="a"} and {tier!="a"}`,
					"compact.selectors: %s and %s may pick the same block, which two runs must never compact", selector.String(), other.String())
				break
			}
		}
		known = append(known, selector)
	}
}

// finishRetention holds the ages against each other and against what else the environment says.
func (r *report) finishRetention(e *Environment) {
	r.finishAges(e, e.Retention.Ages, "retention")
	first := map[string]int{}
	for i, rule := range e.Retention.Rules {
		if len(r.found) > maxProblems { // finding a place takes time
			break
		}
		path := fmt.Sprintf("retention.rules[%d]", i)
		r.finishAges(e, rule.Ages, path)
		selector, err := ParseSelector(rule.Selector)
		if err != nil {
			continue // the decoder has said so
		}
		if before, twice := first[selector.String()]; twice {
			r.add(contradiction, e.Places.At(path+".selector"), "make one rule of the two", "%s.selector: retention.rules[%d] has the same", path, before)
			continue
		}
		first[selector.String()] = i
	}
	r.outlivesVolume(e)
	if at, written := e.Places.find("retention.deleteDelay"); written && e.Retention.DeleteDelay != "" && lengthOf(e.Retention.DeleteDelay) == 0 {
		r.add(badValue, at, "leave it out for 48h; Thanos Store and a running compaction read a marked block for some hours yet",
			"retention.deleteDelay: without a delay, blocks would go while they are read")
	}
}

// finishAges checks the ages of one rule.
func (r *report) finishAges(e *Environment, ages Ages, path string) {
	downsample := e.Compact.Downsample == nil || *e.Compact.Downsample
	raw, five, hour := lengthOf(ages.Raw), lengthOf(ages.FiveMinutes), lengthOf(ages.OneHour)
	at := func(key string) Pos { return e.Places.At(path + "." + key) }
	if downsample && raw > 0 && raw < leastRaw {
		r.add(contradiction, at("raw"), "keep raw blocks for 40h or more, or set compact.downsample to false",
			"%s.raw: %s is less than the 40h after which blocks of 5m are made of the raw ones", path, ages.Raw)
	}
	if downsample && five > 0 && five < leastFiveMinutes {
		r.add(contradiction, at("5m"), "keep blocks of 5m for 10d or more, or set compact.downsample to false",
			"%s.5m: %s is less than the 10d after which blocks of 1h are made of those of 5m", path, ages.FiveMinutes)
	}
	switch {
	case !downsample && (five > 0 || hour > 0):
		key := "5m"
		if five == 0 {
			key = "1h"
		}
		r.warn(contradiction, at(key), "set compact.downsample to true, or leave the age out", "%s.%s: no such blocks are made, as compact.downsample is false", path, key)
	case shorter(five, raw):
		r.warn(contradiction, at("5m"), "coarser blocks are small: keep them longer than the finer ones", "%s.5m: blocks of 5m go before the raw ones that they summarise", path)
	case shorter(hour, five):
		r.warn(contradiction, at("1h"), "coarser blocks are small: keep them longer than the finer ones", "%s.1h: blocks of 1h go before those of 5m that they summarise", path)
	}
}

// shorter says whether one age is over before another; 0 is for ever.
func shorter(age, than time.Duration) bool { return age > 0 && (than == 0 || age < than) }

// outlivesVolume wants the bucket to keep the environment's own blocks as long
// as the volume does: what has gone from the bucket alone would be missing there
// and be shipped again.
func (r *report) outlivesVolume(e *Environment) {
	age, path := e.Retention.Raw, "retention"
	for i, rule := range e.Retention.Rules {
		selector, err := ParseSelector(rule.Selector)
		if err != nil || !selector.Picks(e.Labels) {
			continue
		}
		if path == "retention" || shorter(lengthOf(age), lengthOf(rule.Raw)) {
			age, path = rule.Raw, fmt.Sprintf("retention.rules[%d]", i)
		}
	}
	if kept := lengthOf(e.Prometheus.Retention); shorter(lengthOf(age), kept) && kept > 0 {
		r.add(contradiction, e.Places.At(path+".raw"), "keep raw blocks as long as the volume does, or shorten prometheus.retention",
			"%s.raw: %s is less than prometheus.retention, %s, so blocks would go from the bucket and be shipped again", path, age, e.Prometheus.Retention)
	}
}
