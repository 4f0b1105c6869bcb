package studio

import "time"

const (
	// outputEvery is how long written output may go without an event that names
	// it: what a killed core leaves to be hashed again is at most this much.
	outputEvery = time.Second
	// reconnectGrace is how long an operator whose connection broke keeps its
	// place and its keyboard: a page tries again within a quarter of a second.
	reconnectGrace = 5 * time.Second
	// adopting bounds the shims that a starting core connects to at once.
	adopting = 32
	// catchUpEvery is the pause between tries to take in what the log has and
	// could not be read.
	catchUpEvery = 100 * time.Millisecond
	// adoptEvery is the pause between tries to reach a shim that lives and does
	// not answer.
	adoptEvery = time.Second
	// linkWait is how long a call waits for a link that has just broken: an end
	// is an event within one sync, and a living shim is found again at once.
	linkWait = 2 * time.Second
	// beginWait is how long Start waits for the event that its program runs, after
	// the shim has said so: one link and one sync, or some seconds on a machine
	// that swaps.
	beginWait = 10 * time.Second
	// floorWait is how long a call waits for what its caller was shown before: a
	// durable event is in the objects within milliseconds.
	floorWait = time.Second
	// sendWait is how long a program may leave typed input unread before Send
	// gives the keyboard back.
	sendWait = 10 * time.Second
	// resizeWait is how long Resize waits for the event of a size that the shim has
	// set: one link and one sync, or some seconds on a machine that swaps.
	resizeWait = 10 * time.Second
	// exportWhile is how long an exported session can be imported: a day is
	// enough to carry it to another machine.
	exportWhile = 24 * time.Hour
	// settleWait bounds an operator's leaving when the core ends.
	settleWait = 5 * time.Second
	// watchEvery spaces the lists that a watcher gets: ten a second look live.
	watchEvery = 100 * time.Millisecond
	// sizesEvery spaces the sizes that a watcher gets: counting them reads a part of
	// the store, and nobody reads numbers faster.
	sizesEvery = time.Second
	// noteQueue bounds the notes that wait to become events; then the shim waits.
	noteQueue = 4096
	// nameMax is the longest name in runes: more does not fit any pane.
	nameMax = 200
	// birthNameMax is the longest name that is made of command and folder.
	birthNameMax = 40
	// progressEvery is how many commits are taken between two words about it.
	progressEvery = 500
	// pastsMax is how many folds of cuts stay in memory, since somebody looks at two
	// at once, and pastObjects how many objects these have but for the newest.
	pastsMax    = 4
	pastObjects = 20_000
	// refoldMost is how many events are read one by one for objects as they were,
	// before all events of a cut are read in a row.
	refoldMost = 50_000
	// keepLeast events come between two times that the objects are kept for good,
	// or the keepPart-th part of what there was: what is kept of a log so grows with
	// it, and a cut begins from at most that much.
	keepLeast, keepPart = 1 << 16, 4
	// keepEvery is when the objects are kept, where keepTail events have come since:
	// a start folds these in a quarter of a second, and at a million events keeping
	// all writes some 120 MB.
	keepEvery, keepTail = 5 * time.Minute, 1 << 14
	// keepAtEnd is how many events are taken in at a start in the time that keeping
	// the objects is worth.
	keepAtEnd = 1000
	// concurrentUsual and concurrentMax are how many concurrent events are listed
	// when none is said, and at most: each is read.
	concurrentUsual, concurrentMax = 100, 10_000
	// textMax bounds one text that a caller gives a field: a body holds several.
	textMax = 64 << 10
	// pageEvents is how many events come in one page of the log.
	pageEvents = 256
	// firstWindow is how many events a search for the newest ones looks at first.
	firstWindow = 1024
	// pieceBytes is the size of one piece of a transcript: sixteen fit one message.
	pieceBytes = 256 << 10
	// returnedMax bounds the objects whose version, answered alone, a session
	// remembers.
	returnedMax = 4096
	// sizeMax is the most columns or rows: 16 bits in the kernel.
	sizeMax = 1<<16 - 1
	// usualCols and usualRows are the size of a terminal that names none.
	usualCols, usualRows = 80, 24
	// auditSpools bounds the recordings that an audit holds open, of two files each:
	// a running core has them besides those of its terminals, and more than this
	// seldom write at once.
	auditSpools = 16
	// auditProblems bounds the problems that one execution adds to an audit.
	auditProblems = 100
)

// turnsKept is how many epochs back input can still be attributed: a note of
// input comes at most a second after its turn.
const turnsKept = 64
