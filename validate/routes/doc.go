// Package routes answers "who gets paged?" before anybody is.
//
// [Load] reads a rendered alertmanager.yml with Alertmanager's own library and
// gives a [Tree]. Three questions can be put to it, each harder than the last:
//
//   - [Tree.Match]: who is told of an alert with exactly these labels? That is
//     Alertmanager's own dispatcher, asked.
//   - [Tree.Decide]: who is told of an alert of which only some labels are
//     known? Each receiver is told always, never or maybe, and maybe comes with
//     the matcher that cannot be decided.
//   - [Prove]: does every alert of the repo reach its team and the on-call copy,
//     whatever its expression returns?
//
// What is known of an alert's labels is a [Labels]: for each label the finite
// set of values that it may have (absent is the empty value, as it is for
// Prometheus and Alertmanager), or that it may have any. It comes from the rule's
// own labels, from the external labels that Prometheus adds and the ones that it
// drops before it sends (see [ParseSender]), and from what the expression can
// return: [LabelsOf] reads that out of the PromQL. Every step errs on the side of
// "may have any value", never on the other.
//
// A label that may have any value has infinitely many, but a tree tells only few
// of them apart. For each label the strings are parted into atoms, those that
// every matcher of the tree treats alike, with one witness each; regular
// expressions are parted exactly, by running all those of a label beside each
// other as one automaton. The walk through the tree then splits a set of atoms at
// each matcher that some of them pass, so that one label has one value all along
// a walk. What would take too many combinations is said to be undecided, and
// never guessed.
//
// From the same walk come the findings about the tree itself ([Tree.Findings]:
// routes that nothing reaches, receivers told twice), what inhibition could keep
// quiet ([Tree.Inhibited]), and the difference between two revisions ([Diff]).
//
// Everything is pure: no network, no clock, no logger. A Tree is immutable but
// for its memory of decisions, and safe for concurrent use.
package routes
