package bundle

const (
	// maxRecords and maxEvents bound what a head may count: a record is answered
	// one a second for half a year, and arrivals have 32 bits.
	maxRecords = 1 << 24
	maxEvents  = 1<<32 - 2
	// maxCertificates bounds the signatures under a record: there are five voters at
	// most, and while they change the old ones sign too.
	maxCertificates = 10
	// maxVersion bounds the version of a fold.
	maxVersion = 1<<32 - 1
	// bufferSize is read of a file, and written to one, at a time.
	bufferSize = 64 << 10
	// batch is how many events are read of a log at one go: of the largest they take
	// 128 MB, and of the usual ones a tenth of one.
	batch = 256
	// MaxFindings bounds a report: who reads one looks at the first.
	MaxFindings = 100
)
