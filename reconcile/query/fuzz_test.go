package query

import (
	"net/url"
	"testing"
)

// FuzzAnswer reads what a server may answer a query with: nothing that it says
// is more than an error.
func FuzzAnswer(f *testing.F) {
	for _, seed := range []string{
		`{"resultType":"vector","result":[{"metric":{"a":"b"},"value":[1,"2"]}],"stats":{"samples":{"totalQueryableSamples":3}}}`,
		`{"resultType":"matrix","result":[{"metric":{},"values":[[1,"NaN"],[2,"+Inf"]],"histograms":[[1.5,{"count":"1","sum":"1","buckets":[]}]]}]}`,
		`{"resultType":"scalar","result":[1,"2"]}`, `{"resultType":"vector","result":[null]}`, `{"resultType":"matrix","result":[null]}`,
		`{"resultType":"vector","result":null}`, `{"resultType":"string","result":[1,"a"]}`, `[]`, `null`,
	} {
		f.Add(seed)
	}
	c := &Client{base: &url.URL{Scheme: "http", Host: "prometheus.example"}}
	f.Fuzz(func(t *testing.T, data string) {
		answer, err := c.answer([]byte(data))
		if err != nil {
			return
		}
		for _, s := range answer.Series {
			if len(s.Points) == 0 && s.Labels.IsEmpty() {
				continue
			}
			_ = s.Labels.String()
		}
	})
}
