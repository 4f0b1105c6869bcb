package api

import (
	"encoding/hex"
	"unicode/utf8"

	atelierv1 "atelier.dev/atelier/backend/gen/atelier/v1"
	"atelier.dev/atelier/backend/studio"
)

func operator(o studio.Operator) *atelierv1.Operator {
	return &atelierv1.Operator{Session: idText(o.Session), ActorId: idText(o.Actor), ActorName: text(o.ActorName),
		Surface: studio.SurfaceWord(o.Surface), Driver: o.Driver}
}

// driver is nil while nobody drives.
func driver(o *studio.Operator) *atelierv1.Operator {
	if o == nil {
		return nil
	}
	return operator(*o)
}

func (w words) execution(e studio.Execution) *atelierv1.Execution {
	m := &atelierv1.Execution{
		ExecutionId: idText(e.ID), Name: text(e.Name), State: text(e.State), Status: text(e.Status),
		Argv: texts(e.Argv), Cwd: text(e.Folder), EnvironmentNames: texts(e.Variables),
		Cols: e.Cols, Rows: e.Rows, Driver: driver(e.Driver), Epoch: e.Epoch, OutputOffset: e.Output,
		ExitStatus: e.ExitStatus, CreatedAt: at(e.Created), EndedAt: at(e.Ended),
		CreatedBy: idText(e.CreatedBy), CreatedByName: text(e.CreatedByName), HomeReplica: w.chain(e.Home),
		Isolation: text(e.Isolation), Pid: e.PID, Reason: text(e.Reason), GoneOffset: e.Gone, Unread: e.Unread,
	}
	for _, o := range e.Operators {
		m.Operators = append(m.Operators, operator(o))
	}
	return m
}

func (w words) executions(all []studio.Execution, read studio.Frontier) *atelierv1.ListExecutionsResponse {
	m := &atelierv1.ListExecutionsResponse{ReadFrontier: w.heads(read)}
	for _, e := range all {
		var cut bool
		e.Variables = nil // Show has all of it
		e.Argv, cut = listed(e.Argv)
		one := w.execution(e)
		one.ArgvCut = cut
		m.Executions = append(m.Executions, one)
	}
	return m
}

// listed is as much of some texts as a list shows, and whether that is not all:
// then the last one may be cut. No sign in it says so, since it could be the text's own.
func listed(all []string) (shown []string, cut bool) {
	room := listedBytes
	for n, s := range all {
		if room -= len(s); room >= 0 {
			continue
		}
		end := len(s) + room
		for end > 0 && !utf8.RuneStart(s[end]) {
			end--
		}
		return append(append([]string{}, all[:n]...), s[:end]), true
	}
	return all, false
}

func (w words) attachment(a studio.Attachment) *atelierv1.AttachResponse {
	m := &atelierv1.AttachResponse{ExecutionId: idText(a.ID), Socket: text(a.Socket), Epoch: a.Epoch,
		Driver: driver(a.Driver), OutputOffset: a.Output, Cols: a.Cols, Rows: a.Rows, Ack: w.ack(a.Ack), Ended: a.Ended}
	if !a.Ticket.IsZero() {
		m.Ticket = hex.EncodeToString(a.Ticket[:])
	}
	return m
}

// pieces cuts a part of a transcript into messages. The ranges come with the
// first bytes, and so many of them that they need messages of their own go ahead.
func (w words) pieces(p studio.Piece) []*atelierv1.TranscriptResponse {
	var all []*atelierv1.TranscriptResponse
	for len(p.Ranges) > rangesMax {
		all = append(all, &atelierv1.TranscriptResponse{Offset: p.Offset, Ranges: ranges(p.Ranges[:rangesMax])})
		p.Ranges = p.Ranges[rangesMax:]
	}
	m := &atelierv1.TranscriptResponse{Offset: p.Offset, Ranges: ranges(p.Ranges)}
	for len(p.Bytes) > pieceBytes {
		m.Data, p.Bytes = p.Bytes[:pieceBytes], p.Bytes[pieceBytes:]
		all = append(all, m)
		m = &atelierv1.TranscriptResponse{Offset: m.Offset + pieceBytes}
	}
	m.Data, m.Missing, m.Gone, m.ReadFrontier = p.Bytes, p.Missing, p.Gone, w.heads(p.Read)
	return append(all, m)
}

func ranges(all []studio.OutputRange) []*atelierv1.OutputRange {
	messages := make([]*atelierv1.OutputRange, len(all))
	for n, r := range all {
		messages[n] = &atelierv1.OutputRange{EventId: idText(r.Event), From: r.From, To: r.To, At: at(r.At)}
	}
	return messages
}
