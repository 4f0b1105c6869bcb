// History: what happened, in plain sentences, newest first, as it happens.
import { useVirtualizer } from "@tanstack/react-virtual";
import { memo, useRef, useState } from "react";
import type { EventRecord } from "../../domain/types";
import { exactTime, sentenceOf } from "../../domain/words";
import { selectHistory, selectWholeHistory } from "../../store/selectors";
import { useDesk, useSelect } from "../../ui/desk";
import { Empty, Waiting, When } from "../../ui/primitives";
import { EventMark } from "./EventMark";
import "./events.css";

/** Height of a row: --row. */
const ROW = 28;
/** Rows drawn beyond the visible ones, so that a fast scroll shows no gap. */
const OVERSCAN = 12;

export function History() {
	const [whole, setWhole] = useState(false);
	const events = useSelect(whole ? selectWholeHistory : selectHistory);
	const listed = useSelect((s) => s.order.length > 0 || s.listed);
	const truncated = useSelect((s) => s.truncated);
	return (
		<section className="history" aria-label="History">
			<header className="history-head">
				<h2>History</h2>
				<label className="check">
					<input type="checkbox" checked={whole} onChange={(e) => setWhole(e.target.checked)} />
					Show input, output and sizes
				</label>
			</header>
			{events.length > 0 ? <Rows events={events} /> : null}
			{events.length === 0 && listed ? (
				<Empty title="Nothing happened yet.">
					<p>What is started, typed in, renamed and ended is listed here.</p>
				</Empty>
			) : null}
			{listed ? null : <Waiting what="Waiting for the history…" />}
			{truncated ? <p className="history-foot">Older ones: atelier log</p> : null}
		</section>
	);
}

function Rows({ events }: { events: EventRecord[] }) {
	const scroller = useRef<HTMLDivElement>(null);
	const rows = useVirtualizer({
		count: events.length,
		getScrollElement: () => scroller.current,
		estimateSize: () => ROW,
		overscan: OVERSCAN,
		getItemKey: (i) => events[i]?.id ?? i,
	});
	return (
		// biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard
		<div className="history-scroll" ref={scroller} tabIndex={0}>
			<ol className="history-rows" style={{ height: rows.getTotalSize() }}>
				{rows.getVirtualItems().map((item) => {
					const event = events[item.index];
					return event ? <EventRow key={item.key} event={event} top={item.start} /> : null;
				})}
			</ol>
		</div>
	);
}

const EventRow = memo(({ event, top }: { event: EventRecord; top: number }) => {
	const desk = useDesk();
	const selected = useSelect((s) => s.selection?.kind === "event" && s.selection.id === event.id);
	const open = () => {
		desk.store.select({ kind: "event", id: event.id });
		desk.showDetails();
	};
	return (
		<li className="history-row" data-selected={selected} style={{ transform: `translateY(${top}px)` }}>
			<button type="button" onClick={open} title={`${exactTime(event.at)}\n${event.summary}`}>
				<EventMark event={event} />
				<Said event={event} />
				{event.verdict && event.verdict !== "valid" ? (
					<span className="history-mark">{event.verdict}</span>
				) : null}
				<When at={event.at} />
			</button>
		</li>
	);
});

function Said({ event }: { event: EventRecord }) {
	const { before, name, after } = sentenceOf(event);
	return (
		<span className="history-text">
			{before}
			{name ? <bdi className="history-name">{name}</bdi> : null}
			{after}
		</span>
	);
}
