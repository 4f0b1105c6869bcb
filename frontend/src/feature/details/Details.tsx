// Details: the one place with ids, hashes and exact terms, each to be copied.
import { X } from "lucide-react";
import type { ReactNode } from "react";
import { type EventRecord, ended, type Terminal } from "../../domain/types";
import {
	byteCount,
	commandLine,
	exactTime,
	sentenceOf,
	shapeOf,
	stateWords,
	surfaceWord,
} from "../../domain/words";
import { useDesk, useSelect } from "../../ui/desk";
import { Button, CopyButton, IconButton, When } from "../../ui/primitives";
import { StateShape } from "../../ui/StateShape";
import "./details.css";

export function Details({ onClose }: { onClose: () => void }) {
	const selection = useSelect((s) => s.selection);
	const terminal = useSelect((s) =>
		selection?.kind === "terminal" ? s.terminals.get(selection.id) : undefined,
	);
	const event = useSelect((s) => (selection?.kind === "event" ? s.events.get(selection.id) : undefined));
	return (
		<aside className="details" aria-label="Details" data-region="details" tabIndex={-1}>
			<header className="details-head">
				<h2>Details</h2>
				<IconButton label="Close Details" onClick={onClose}>
					<X size={16} strokeWidth={1.5} />
				</IconButton>
			</header>
			<div className="details-body">
				{terminal ? <TerminalDetails t={terminal} /> : null}
				{event ? <EventDetails e={event} /> : null}
				{terminal || event ? null : (
					<p className="details-none">Select a terminal or a line of the history.</p>
				)}
			</div>
		</aside>
	);
}

function TerminalDetails({ t }: { t: Terminal }) {
	const desk = useDesk();
	return (
		<>
			<h3 className="details-title">{t.name}</h3>
			<p className="details-state">
				<StateShape shape={shapeOf(t)} /> {stateWords(t)}
			</p>
			<dl className="fields">
				<Field name="Command">
					<span className="mono">{commandLine(t.argv)}</span>
				</Field>
				<Field name="Folder">
					<span className="mono">{t.cwd}</span>
				</Field>
				<Field name="Keyboard">
					{t.driver ? `${t.driver.actorName} (${surfaceWord(t.driver.surface)})` : "Nobody"}
				</Field>
				<Field name="Attached">
					{t.operators.length === 0
						? "Nobody"
						: t.operators.map((o) => `${o.actorName} (${surfaceWord(o.surface)})`).join(", ")}
				</Field>
				<Field name="Size">{`${t.cols} × ${t.rows}`}</Field>
				<Field name="Output">{byteCount(t.outputOffset)}</Field>
				<Field name="Started">
					<When at={t.createdAt} />
					{t.createdByName ? ` by ${t.createdByName}` : ""}
				</Field>
				{t.endedAt ? (
					<Field name="Ended">
						<When at={t.endedAt} />
					</Field>
				) : null}
			</dl>
			<div className="details-buttons">
				<Button onClick={() => desk.askRename(t.id)}>Rename</Button>
				{ended(t) ? null : (
					<Button kind="danger" onClick={() => desk.askEnd(t.id)}>
						End program…
					</Button>
				)}
			</div>
			<h4>Identifiers</h4>
			<Id name="execution_id" value={t.id} />
			<Id name="home_replica" value={t.homeReplica} />
			<Id name="created_by" value={t.createdBy} />
			<Id name="epoch" value={String(t.epoch)} />
			<Id name="output_offset" value={String(t.outputOffset)} />
			<Id name="pid" value={t.pid > 0 ? String(t.pid) : ""} />
			<h4>Commands</h4>
			{ended(t) ? null : <Id name="" value={commandLine(["atelier", "attach", t.name])} />}
			<Id name="" value={commandLine(["atelier", "transcript", t.name])} />
		</>
	);
}

function EventDetails({ e }: { e: EventRecord }) {
	const desk = useDesk();
	const about = useSelect(
		(s) => e.affected.map((id) => s.terminals.get(id)).find(Boolean) ?? s.terminals.get(e.id),
	);
	const said = sentenceOf(e);
	return (
		<>
			<h3 className="details-title">{said.before + said.name + said.after}</h3>
			<dl className="fields">
				<Field name="When">{exactTime(e.at)}</Field>
				<Field name="Who">{e.actorName}</Field>
				{e.subject ? <Field name="About">{e.subject}</Field> : null}
				<Field name="From">{surfaceWord(e.surface)}</Field>
			</dl>
			{about ? (
				<div className="details-buttons">
					<Button onClick={() => desk.openTerminal(about.id)}>Open the terminal</Button>
				</div>
			) : null}
			<h4>Identifiers</h4>
			<Id name="event_id" value={e.id} />
			<Id name="type" value={e.type} />
			{e.affected.map((id) => (
				<Id key={id} name="affected_object" value={id} />
			))}
			<Id name="actor_id" value={e.actorId} />
			<Id name="session" value={e.session} />
			<Id name="surface" value={e.surface} />
			<Id name="replica" value={e.replica} />
			<Id name="seq" value={String(e.seq)} />
			<Id name="lamport" value={String(e.lamport)} />
			{e.parents.map((id) => (
				<Id key={id} name="parent" value={id} />
			))}
			<Id name="verdict" value={e.verdict} />
			<Document name="facts" value={e.facts} />
			<Document name="body" value={e.body} />
		</>
	);
}

function Field({ name, children }: { name: string; children: ReactNode }) {
	return (
		<div className="field">
			<dt>{name}</dt>
			<dd>{children}</dd>
		</div>
	);
}

function Id({ name, value }: { name: string; value: string }) {
	if (!value) return null;
	return (
		<div className="id">
			{name ? <span className="id-name">{name}</span> : null}
			<code className="id-value">{value}</code>
			<CopyButton text={value} label={`Copy ${name || "command"}`} />
		</div>
	);
}

function Document({ name, value }: { name: string; value: unknown }) {
	if (value === null || value === undefined) return null;
	return (
		<>
			<h4>{name}</h4>
			{/* biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard */}
			<pre className="document" tabIndex={0}>
				{JSON.stringify(value, null, 2)}
			</pre>
		</>
	);
}
