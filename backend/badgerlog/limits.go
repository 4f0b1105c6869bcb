package badgerlog

import (
	"math"
	"time"
)

const (
	// valueThreshold keeps every record (header, body, frame) in Badger's WAL:
	// it logs value-log sync errors instead of returning them.
	valueThreshold = 1 << 20
	// memTable is the least round size whose 15 % hold one valueThreshold.
	memTable = 8 << 20
	// maxGroupEvents and maxGroupBytes keep a group in one Badger transaction,
	// which holds at most 15 % of a memtable.
	maxGroupEvents = 512
	maxGroupBytes  = 512 << 10
	// maxGroupSeals: one where MaxSealed is reached, one at the end.
	maxGroupSeals = 2
	// maxCertificates bounds the signatures under a record: there are five voters at
	// most, and while they change the old ones sign too.
	maxCertificates = 10
	// maxWaiting bounds the writers whose bodies wait; more wait to enter.
	maxWaiting = 1024
	// settleRounds bounds how often a leader looks whether more writers come:
	// each round runs all that can run, so two see those just answered.
	settleRounds = 4
	// replayPart is how many events one goroutine reads at Open: a few megabytes
	// of the usual size. replayAhead bounds the parts
	// read ahead, and the tables that are checked at once.
	replayPart  = 2048
	replayAhead = 4
	// folderTick is longer than the tick of any file system's clock: two changes
	// of a folder further apart have different times.
	folderTick = 2 * time.Second
	// closeBroken is how long closing a store on a failing disk may take.
	closeBroken = 2 * time.Second
	// idleSeal closes a seal when nothing was written for this long.
	idleSeal = 50 * time.Millisecond
	// slotSize is one slot of the anchor.
	slotSize = 64 << 10
	// slotGroup is the largest group whose bytes go into a slot: writing more
	// twice takes longer than syncing the store first and a short slot then.
	slotGroup = 40 << 10
	// syncAside is the slot that takes longer to sync than another goroutine
	// takes to begin with it.
	syncAside = 4 << 10
	// reserve is the free space below which the log becomes read-only: Badger
	// writes through mapped files, and a full disk would kill the process.
	reserve = 64 << 20
	// roomTrust is how long a look at the free space counts: what this log can
	// write meanwhile is a small part of reserve.
	roomTrust = 10 * time.Millisecond
	// maxRun keeps a run of records below valueThreshold; one event fits.
	maxRun = 640 << 10
	// recordFrame is the two lengths before header and body. usualHeader is what
	// most headers take with it: one allocation is then enough.
	recordFrame = 8
	usualHeader = 512
	// minSlots is the least table of ids: a small log should cost nothing.
	minSlots = 1 << 10
	// idBlock is how many ids lie together: 128 KiB.
	idBlock = 4096
	// maxValue bounds one value of a session's state.
	maxValue = 1 << 20
	// valueFrame is the checksum and the two lengths before key and value.
	valueFrame = 12
	// compactValues is the size below which the file of values is never written
	// anew: a start reads it in a few milliseconds, and hundreds of writes share
	// what the syncs of a new file cost.
	compactValues = 1 << 20
	// indexEvery is how many events are read at Open without an index in the time
	// that keeping one is worth.
	indexEvery = 1000
	// cacheBuffer is how much of a cache is read or written at once.
	cacheBuffer = 256 << 10
	// pagesMost is how much of the tables may be mapped as read; pagesRead is what
	// the kernel maps around one place that is read.
	pagesMost, pagesRead = 48 << 20, 64 << 10
	// sparse is how many events are read in a row in the time of one by itself.
	sparse = 8
	// maxFound bounds the answer to a search by prefix: enough to say ambiguous.
	maxFound = 16
	// everything is above all arrivals.
	everything = math.MaxUint64
	// maxAdmitBytes and maxAdmitEvents bound a group of what others wrote: as many
	// events of the usual size as one transaction holds, for one sync.
	maxAdmitBytes  = 1 << 20
	maxAdmitEvents = 4096
	// openAhead is how many runs a core are checked by themselves ahead of their turn.
	openAhead = 2
	// maxHeld and maxHeldBytes bound what waits for what it rests on: some seconds
	// of a busy replica. What is dropped is asked for again.
	maxHeld      = 8192
	maxHeldBytes = 32 << 20
	// MaxRefused bounds what an admission tells one by one.
	MaxRefused = 1000
	// MaxFindings bounds an audit's report.
	MaxFindings = 100
)
