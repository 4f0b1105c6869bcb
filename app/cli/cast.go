package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"slices"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"
)

// cast writes a transcript in the format asciicast v2: a header with the size at
// the beginning, and one line for each piece of output or new size, with the
// seconds since then. Output has the time of the event that names it.
type cast struct {
	out    io.Writer
	began  time.Time
	ranges []outputRange
	sizes  []sizeChange
	at     float64 // the time of the last line
	rest   []byte  // the beginning of a character
}

// outputRange is what one event names of the stream.
type outputRange struct {
	To uint64    `json:"to"`
	At time.Time `json:"at"`
}

// sizeChange is the size of the terminal from a moment on.
type sizeChange struct {
	when       time.Time
	cols, rows uint32
}

// newCast writes the header.
func (s *studio) newCast(ctx context.Context, out io.Writer, e execution) (*cast, error) {
	sizes, err := s.sizes(ctx, e.ExecutionID)
	if err != nil {
		return nil, err
	}
	if len(sizes) == 0 {
		sizes = []sizeChange{{e.CreatedAt, e.Cols, e.Rows}}
	}
	c := &cast{out: out, began: e.CreatedAt, sizes: sizes[1:]}
	return c, c.line(document{{"version", 2}, {"width", sizes[0].cols}, {"height", sizes[0].rows},
		{"timestamp", e.CreatedAt.Unix()}, {"command", commandLine(e.Argv)}, {"title", e.Name}})
}

// sizes lists the sizes of a terminal, that of its beginning first.
func (s *studio) sizes(ctx context.Context, id string) ([]sizeChange, error) {
	var all []sizeChange
	for _, kind := range []string{"execution.started", "execution.resized"} {
		q := askStream(s, s.Log.List)
		q.Msg.Object, q.Msg.Type = id, kind
		err := each(ctx, s.Log.List, q, func(m proto.Message) error {
			var page struct {
				Events []struct {
					WallTime time.Time `json:"wall_time"`
					Facts    struct{ Size *struct{ Cols, Rows uint32 } }
				}
			}
			if err := decode(m, &page); err != nil {
				return err
			}
			for _, e := range page.Events {
				if size := e.Facts.Size; size != nil {
					all = append(all, sizeChange{e.WallTime, size.Cols, size.Rows})
				}
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

func (c *cast) line(value any) error {
	text, err := marshal(value)
	if err != nil {
		return err
	}
	_, err = c.out.Write(append(text, '\n'))
	return err
}

// put writes one line for each range that the piece has bytes of.
func (c *cast) put(piece recording) error {
	var told struct{ Ranges []outputRange }
	if len(piece.GetData()) == 0 { // the ranges come by themselves, before all bytes
		if err := decode(piece, &told); err != nil {
			return err
		}
		c.ranges = append(c.ranges, told.Ranges...)
		return nil
	}
	at, data := piece.GetOffset(), piece.GetData()
	for len(data) > 0 {
		n, when := c.rangeAt(at, len(data))
		if err := c.wrote(when, data[:n]); err != nil {
			return err
		}
		at, data = at+uint64(n), data[n:]
	}
	return nil
}

// rangeAt returns how many of length bytes at an offset belong together, and
// their time. Bytes after the last range have that of the last one.
func (c *cast) rangeAt(at uint64, length int) (n int, when time.Time) {
	c.ranges = slices.Clip(c.ranges)
	for len(c.ranges) > 1 && c.ranges[0].To <= at {
		c.ranges = c.ranges[1:]
	}
	if len(c.ranges) == 0 {
		return length, c.began
	}
	if r := c.ranges[0]; r.To > at {
		return int(min(uint64(length), r.To-at)), r.At
	}
	return length, c.ranges[0].At
}

// wrote writes output with its time, and before it the sizes set until then. A
// character that is cut waits for its other half.
func (c *cast) wrote(when time.Time, data []byte) error {
	for len(c.sizes) > 0 && !c.sizes[0].when.After(when) {
		s := c.sizes[0]
		c.sizes = c.sizes[1:]
		if err := c.event(s.when, "r", fmt.Sprintf("%dx%d", s.cols, s.rows)); err != nil {
			return err
		}
	}
	text := append(c.rest, data...)
	whole := wholeRunes(text)
	c.rest = append([]byte(nil), text[whole:]...)
	if whole == 0 {
		return nil
	}
	return c.event(when, "o", string(text[:whole])) // JSON replaces what is no UTF-8
}

func (c *cast) event(when time.Time, kind, data string) error {
	const microsecond = 1e6
	c.at = max(c.at, math.Round(when.Sub(c.began).Seconds()*microsecond)/microsecond) // time never goes back
	return c.line([]any{c.at, kind, data})
}

// wholeRunes is how much of text does not end within a character.
func wholeRunes(text []byte) int {
	for n := 1; n < utf8.UTFMax && n <= len(text); n++ {
		if tail := text[len(text)-n:]; utf8.RuneStart(tail[0]) {
			if !utf8.FullRune(tail) {
				return len(text) - n
			}
			break
		}
	}
	return len(text)
}

// end writes what is left of a character that never got its other half.
func (c *cast) end() error {
	if len(c.rest) == 0 {
		return nil
	}
	return c.event(c.began, "o", string(c.rest))
}
