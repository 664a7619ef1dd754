package github

import (
	"fmt"
	"net/http"
	"slices"
)

func (s *stub) listDeployments(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	list := []object{}
	for _, d := range slices.Backward(s.deployments) {
		if d["ref"] == q.Get("sha") && d["environment"] == q.Get("environment") && d["task"] == q.Get("task") {
			list = append(list, d)
		}
	}
	answer(w, http.StatusOK, s.page(w, r, list))
}

func (s *stub) createDeployment(w http.ResponseWriter, r *http.Request) {
	d := s.read(r)
	contexts, ok := d["required_contexts"].([]any)
	if !ok || len(contexts) > 0 || d["auto_merge"] != false || !fullID.MatchString(text(d, "ref")) {
		s.invalid(w, "it would merge, or wait", d)
		return
	}
	d["sha"], d["statuses"] = d["ref"], []object{}
	s.deployments = append(s.deployments, d)
	answer(w, http.StatusCreated, d)
}

func (s *stub) deployment(w http.ResponseWriter, r *http.Request) object {
	for _, d := range s.deployments {
		if fmt.Sprint(d["id"]) == r.PathValue("id") {
			return d
		}
	}
	refuse(w, http.StatusNotFound, "Not Found")
	return nil
}

func (s *stub) listDeploymentStatuses(w http.ResponseWriter, r *http.Request) {
	if d := s.deployment(w, r); d != nil {
		list := slices.Clone(d["statuses"].([]object))
		slices.Reverse(list)
		answer(w, http.StatusOK, s.page(w, r, list))
	}
}

// createDeploymentStatus makes the others of the environment inactive, if so asked.
func (s *stub) createDeploymentStatus(w http.ResponseWriter, r *http.Request) {
	st, to := s.read(r), s.deployment(w, r)
	if to == nil {
		return
	}
	for _, d := range s.deployments {
		statuses := d["statuses"].([]object)
		active := len(statuses) > 0 && statuses[len(statuses)-1]["state"] != "inactive"
		if d["environment"] == to["environment"] && d["id"] != to["id"] && st["state"] == "success" && st["auto_inactive"] == true && active {
			d["statuses"] = append(statuses, object{"id": 1, "state": "inactive"})
		}
	}
	to["statuses"] = append(to["statuses"].([]object), st)
	answer(w, http.StatusCreated, st)
}

// deployed are the statuses of each deployment, as "ref: state text, …", oldest first.
func (s *stub) deployed() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []string
	for _, d := range s.deployments {
		line := fmt.Sprintf("%.4s in %s:", d["ref"], d["environment"])
		for _, st := range d["statuses"].([]object) {
			line += fmt.Sprintf(" %s %s,", st["state"], text(st, "description"))
		}
		list = append(list, line)
	}
	return list
}
