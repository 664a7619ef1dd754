package github

// routes are all operations that are used, each with the right that GitHub asks for.
func (s *Stub) routes() []route {
	const repo = "/repos/{owner}/{repo}"
	of := func(rights ...string) []string { return rights }
	return []route{
		{"GET " + rateLimitPath, nil, "", s.rateLimit},
		{"GET /user", of("user"), "", s.user},
		{"GET /app", of("app"), "", s.app},
		{"GET " + repo + "/installation", of("app"), "", s.installation},
		{"GET /app/installations/{id}", of("app"), "", s.installation},
		{"POST /app/installations/{id}/access_tokens", of("app"), "", s.createToken},
		{"GET " + repo, of("metadata"), "read", s.repository},
		{"GET " + repo + "/commits/{ref}", of("contents"), "read", s.commit},
		{"GET " + repo + "/git/commits/{ref}", of("contents"), "read", s.gitCommit},
		{"GET " + repo + "/git/ref/{ref...}", of("contents"), "read", s.gitRef},
		{"GET " + repo + "/commits/{ref}/status", of("statuses"), "read", s.combined},
		{"GET " + repo + "/commits/{ref}/statuses", of("statuses"), "read", s.listStatuses},
		{"POST " + repo + "/statuses/{ref}", of("statuses"), "write", s.createStatus},
		{"GET " + repo + "/pulls", of("pull_requests"), "read", s.listPulls},
		{"GET " + repo + "/pulls/{number}", of("pull_requests"), "read", s.pull},
		// issues/NUMBER/comments and issues/comments/ID, which ServeMux takes for a conflict.
		{"GET " + repo + "/issues/{number}/{id}", of("issues", "pull_requests"), "read", s.commentOrComments},
		{"POST " + repo + "/issues/{number}/comments", of("issues", "pull_requests"), "write", s.createComment},
		{"PATCH " + repo + "/issues/comments/{id}", of("issues", "pull_requests"), "write", s.updateComment},
		{"DELETE " + repo + "/issues/comments/{id}", of("issues", "pull_requests"), "write", s.deleteComment},
		{"POST " + repo + "/check-runs", of("checks"), "write", s.createCheckRun},
		{"GET " + repo + "/check-runs/{id}", of("checks"), "read", s.checkRun},
		{"PATCH " + repo + "/check-runs/{id}", of("checks"), "write", s.updateCheckRun},
		{"GET " + repo + "/check-runs/{id}/annotations", of("checks"), "read", s.listAnnotations},
		{"GET " + repo + "/commits/{ref}/check-runs", of("checks"), "read", s.listCheckRuns},
		{"POST " + repo + "/check-suites/{id}/rerequest", of("checks"), "write", s.rerequest},
		{"GET " + repo + "/deployments", of("deployments"), "read", s.listDeployments},
		{"POST " + repo + "/deployments", of("deployments"), "write", s.createDeployment},
		{"GET " + repo + "/deployments/{id}", of("deployments"), "read", s.deployment},
		{"GET " + repo + "/deployments/{id}/statuses", of("deployments"), "read", s.listDeploymentStatuses},
		{"POST " + repo + "/deployments/{id}/statuses", of("deployments"), "write", s.createDeploymentStatus},
	}
}
