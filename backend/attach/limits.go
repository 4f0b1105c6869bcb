package attach

const (
	// MaxFrame is the longest frame after its length word: type and payload. It
	// is part of the protocol.
	MaxFrame = 262_144
	// MaxInput is where clients cut input into frames: a paste moves in few of
	// them, and a turn that ends gives up little.
	MaxInput = 32 << 10
	// MaxOutput is the most bytes in one OUTPUT: MaxFrame less type and offset.
	MaxOutput = MaxFrame - 9
	// MaxText is where Append cuts a string: a sentence or a label, repeated to
	// every client, and far below what its length word could say.
	MaxText = 4 << 10

	// MaxTickets bounds the attachments that are admitted to one terminal: more
	// than people and windows, less than a loop that forgets to dismiss.
	MaxTickets = 1024
	// MaxConns bounds the clients that are connected at a time, for the same
	// reason. The core gets in beside them.
	MaxConns = 1024
	// MaxStrangers bounds the connections that have not said who they are. One
	// more ends the oldest of them, so that nobody can keep the core out.
	MaxStrangers = 1024
	// MaxUnwritten is how much input may wait for the terminal before the
	// connections that brought it are held: several of the longest frames.
	MaxUnwritten = 1 << 20
	// pieceCost is what a piece of input or an answer owed counts besides its
	// bytes, so that many empty ones are bounded too.
	pieceCost = 256
	// noteEvery is how long typed bytes are counted before they are noted, in
	// nanoseconds: one note a second at most, while somebody types.
	noteEvery = 1_000_000_000
)

const (
	lengthWord = 4
	checksum   = 4
	// outputHead is what precedes the bytes of an OUTPUT.
	outputHead = lengthWord + 1 + 8
	// noteHead is what every NOTE begins with: type, index, time, offset, kind.
	noteHead = 1 + 8 + 8 + 8 + 1
	// maxNote is the longest NOTE: the head, a number, and a text.
	maxNote = noteHead + 4 + 2 + MaxText
	// firstGrowth is the least room of a Splitter that was given none.
	firstGrowth = 4 << 10
)
