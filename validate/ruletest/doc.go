// Package ruletest runs unit tests of rules, in the format of
// "promtool test rules", inside the process.
//
// A test file names rule files and holds tests. A test (promtool calls it a
// test group) gives series with their samples; the rules are evaluated over
// them step by step from the start time on; and the test says which alerts must
// fire at a time (alert_rule_test) and what an expression must give
// (promql_expr_test):
//
//	file, problems := ruletest.Parse("teams/payments/tests/latency.yaml", content)
//	runner := &ruletest.Runner{FS: os.DirFS(root)}
//	results := runner.Run(ctx, []*ruletest.File{file}, ruletest.Options{})
//
// The verdict on a file is promtool's, test by test; testdata/differences.txt
// lists where it is not, and why. PromQL, templates and the parsers are upstream's
// own code; what a rule group, an alerting rule and a recording rule make of a
// result is told again here (see group and rule.alerts), as upstream's package
// brings a notifier and its clients along. What makes promtool slow is left out: it opens
// a database on disk and reads every rule file again for each test. Here a test
// has a store in memory, which takes and refuses the samples that a TSDB head
// would (see store), rule files are parsed once, engines are shared, annotations
// are expanded only where a test looks at them, rules that have no series in a
// test are not evaluated (see selectorsOf), and tests run beside each other.
//
// Test files come from people whom nobody has vetted, so all that they can make
// large is weighed before it is made: series, steps, templates. See Limits. What
// is too much is a failure of the test, at the same place on every machine; the
// time limit is only the last resort.
//
// The package reads nothing but the FS it is given, and knows nothing of teams
// and environments. Coverage takes plain data for the same reason.
package ruletest
