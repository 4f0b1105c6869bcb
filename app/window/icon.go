package window

import _ "embed"

// icon is shown by the desktop's window list: a PNG of 256 × 256.
//
//go:embed icon.png
var icon []byte
