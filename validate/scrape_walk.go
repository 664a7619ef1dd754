package validate

import (
	"net/url"
	"reflect"
	"slices"
	"strings"

	configutil "github.com/prometheus/common/config"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/discovery"
)

// setting is one text in the configuration of a job, as Prometheus has read it.
type setting struct {
	path   []any // keys and numbers, for nodeAt
	key    string
	value  string
	secret bool // Prometheus itself takes it for one
}

// settings are the texts of a job's own client and of all its service
// discoveries, of every kind there is. Where Prometheus moves a value to another
// key (bearer_token is one), the path is that of the other key.
func settings(job *config.ScrapeConfig) []setting {
	var all []setting
	add := func(s setting) { s.path = slices.Clone(s.path); all = append(all, s) }
	eachSetting(reflect.ValueOf(job.HTTPClientConfig), nil, 0, add)
	numbers := map[string]int{}
	for _, sd := range job.ServiceDiscoveryConfigs {
		if _, static := sd.(discovery.StaticConfig); static {
			continue
		}
		key := sd.Name() + "_sd_configs"
		eachSetting(reflect.ValueOf(sd), []any{key, numbers[key]}, 0, add)
		numbers[key]++
	}
	return all
}

var (
	secretType = reflect.TypeFor[configutil.Secret]()
	urlType    = reflect.TypeFor[url.URL]()
)

// eachSetting walks a value as the YAML that it was read from.
func eachSetting(v reflect.Value, path []any, depth int, do func(setting)) {
	if depth > 16 {
		return
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			eachSetting(v.Elem(), path, depth+1, do)
		}
	case reflect.Struct:
		if v.Type() == urlType {
			return // the check of secrets looks for them in the text
		}
		for i := range v.NumField() {
			if name, inline, ok := yamlKey(v.Type().Field(i)); inline {
				eachSetting(v.Field(i), path, depth+1, do)
			} else if ok {
				eachSetting(v.Field(i), append(slices.Clip(path), name), depth+1, do)
			}
		}
	case reflect.Map:
		if v.Type().Key().Kind() != reflect.String {
			return
		}
		keys := v.MapKeys()
		slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
		for _, key := range keys {
			eachSetting(v.MapIndex(key), append(slices.Clip(path), key.String()), depth+1, do)
		}
	case reflect.Slice:
		for i := range v.Len() {
			eachSetting(v.Index(i), append(slices.Clip(path), i), depth+1, do)
		}
	case reflect.String:
		if v.String() != "" {
			do(setting{path: path, key: lastKey(path), value: v.String(), secret: v.Type() == secretType})
		}
	}
}

// yamlKey is the key of a struct's field.
func yamlKey(f reflect.StructField) (name string, inline, ok bool) {
	name, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
	switch {
	case !f.IsExported() || name == "-":
		return "", false, false
	case slices.Contains(strings.Split(options, ","), "inline"):
		return "", true, true
	case name == "":
		name = strings.ToLower(f.Name)
	}
	return name, false, true
}

// lastKey is the last of a path that is no number.
func lastKey(path []any) string {
	for _, step := range slices.Backward(path) {
		if key, ok := step.(string); ok {
			return key
		}
	}
	return ""
}
