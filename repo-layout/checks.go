package repolayout

// The ids of everything that the loader may find. They never change.
const (
	badName            = "layout/bad-name"
	badValue           = "layout/bad-value"
	caseClash          = "layout/case-clash"
	contradiction      = "layout/contradiction"
	duplicateKey       = "layout/duplicate-key"
	emptyFile          = "layout/empty-file"
	emptyRepo          = "layout/empty-repo"
	encoding           = "layout/encoding"
	irregularFile      = "layout/irregular-file"
	jsonSyntax         = "layout/json-syntax"
	missingFile        = "layout/missing-file"
	missingKey         = "layout/missing-key"
	moreProblems       = "layout/more-problems"
	noEnvironments     = "layout/no-environments"
	noTeams            = "layout/no-teams"
	oneOf              = "layout/one-of"
	BadPatch           = "layout/patch" // found where patches are applied
	severalDocuments   = "layout/several-documents"
	symlink            = "layout/symlink"
	tooComplex         = "layout/too-complex"
	tooLarge           = "layout/too-large"
	twoSpellings       = "layout/two-spellings"
	unexpectedFile     = "layout/unexpected-file"
	unknownEnvironment = "layout/unknown-environment"
	unknownKey         = "layout/unknown-key"
	unknownSeverity    = "layout/unknown-severity"
	Unreadable         = "layout/unreadable" // the fault of the disk or the clone, not of the repo
	wrongType          = "layout/wrong-type"
	yamlSyntax         = "layout/yaml-syntax"
)

// Check is one kind of problem that the loader finds.
type Check struct {
	ID    string // stable, e.g. "layout/unknown-key"
	Title string // what it means, in one sentence
}

// Checks lists every kind of problem, sorted by id.
func Checks() []Check {
	return []Check{
		{badName, "A name is not one that Kubernetes, or a file system, takes."},
		{badValue, "A value is not of the form that its key asks for: a duration, a quantity, a percentage, an address."},
		{caseClash, "Two names differ only in upper and lower case, so that some file systems hold only one of them."},
		{contradiction, "What one key says does not go with what another one says."},
		{duplicateKey, "A key stands twice in one mapping."},
		{emptyFile, "A file holds nothing."},
		{emptyRepo, "The repo holds nothing that Watchbill reads."},
		{encoding, "A file is not plain UTF-8: other bytes, NUL bytes or a byte order mark."},
		{irregularFile, "A submodule, device, socket or pipe stands where a file or folder should."},
		{jsonSyntax, "A dashboard is not JSON."},
		{missingFile, "A file that has to be there is not: watchbill.yaml, or a team's team.yaml."},
		{missingKey, "A key that has to be there is not."},
		{moreProblems, "A file has more problems than are listed."},
		{noEnvironments, "The folder environments holds no environment, so nothing can be rendered."},
		{noTeams, "The folder teams holds no team."},
		{oneOf, "Of keys that exclude each other, none or several are set."},
		{BadPatch, "A patch names no object that there is, or makes something of it that is none."},
		{severalDocuments, "A file holds several YAML documents, of which only the first would be read."},
		{symlink, "Symlinks are not followed, so that nothing outside the repo can be read."},
		{tooComplex, "A YAML file holds too many values, is nested too deeply, or its aliases make too much of it."},
		{tooLarge, "A file is larger than 4 MiB."},
		{twoSpellings, "A file stands there as both .yaml and .yml."},
		{unexpectedFile, "A file or folder stands where the layout has no place for it."},
		{unknownEnvironment, "A folder rules/NAME or scrape/NAME names no environment."},
		{unknownKey, "A key is not known."},
		{unknownSeverity, "A route names a severity that watchbill.yaml does not list."},
		{Unreadable, "A file could not be read; this is tried again at the next load."},
		{wrongType, "A value is of another type than its key asks for."},
		{yamlSyntax, "A file is not YAML."},
	}
}
