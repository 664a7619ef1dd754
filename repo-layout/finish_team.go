package repolayout

import "fmt"

// finishTeam wants mute times that have a name each and an end.
func (r *report) finishTeam(t *TeamSpec) {
	first := map[string]Pos{}
	for i, m := range t.MuteTimes {
		path := fmt.Sprintf("muteTimes[%d]", i)
		if before, twice := first[m.Name]; !twice {
			first[m.Name] = m.Pos
		} else if m.Name != "" {
			r.add(badValue, m.Pos, "give it another name", "%s.name: %q stands in line %d already", path, m.Name, before.Line)
		}
		for j, times := range m.Times {
			if len(times.Times)+len(times.Weekdays)+len(times.DaysOfMonth)+len(times.Months) == 0 {
				r.add(badValue, times.Pos, "add times, weekdays, daysOfMonth or months", "%s.times[%d]: without any of these it would mute for ever", path, j)
			}
		}
	}
}
