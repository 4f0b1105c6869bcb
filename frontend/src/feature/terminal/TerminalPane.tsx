// A pane with one terminal: the screen, and a foot line that says where it is,
// who has the keyboard and what can be done about it.
import { useCallback, useEffect, useRef, useState } from "react";
import type { Link, LinkState } from "../../domain/studio";
import { ended, type Fault, type Terminal } from "../../domain/types";
import { openScreen, type Screen } from "../../surface/terminal/screen";
import { copyText } from "../../ui/clipboard";
import { useDesk, useSelect, useTheme } from "../../ui/desk";
import { Button, CopyButton, Dialog, Empty, FaultNote, Waiting } from "../../ui/primitives";
import { Foot } from "./Foot";
import { PasteDialog } from "./PasteDialog";
import "./terminal.css";

const CONNECTING: LinkState = {
	phase: "connecting",
	driving: false,
	driver: "",
	suspended: "",
	trouble: "",
	since: 0,
};

export interface TerminalPaneProps {
	id: string;
	/** The pane is the one that the keyboard goes to. */
	active: boolean;
}

export function TerminalPane({ id, active }: TerminalPaneProps) {
	const desk = useDesk();
	const theme = useTheme();
	const record = useSelect((s) => s.terminals.get(id));
	const host = useRef<HTMLDivElement>(null);
	const screen = useRef<Screen | undefined>(undefined);
	const link = useRef<Link | undefined>(undefined);
	const driving = useRef(false);
	const [state, setState] = useState(CONNECTING);
	const [entered, setEntered] = useState(false);
	const [paste, setPaste] = useState<string>();
	const [address, setAddress] = useState<string>();
	const [skipped, setSkipped] = useState(0n);
	const [missed, setMissed] = useState(false);
	const [trouble, setTrouble] = useState<Fault>();

	useEffect(() => {
		const element = host.current;
		if (!element) return;
		let gone = false;
		openScreen(element, {
			typed: (bytes) => link.current?.input(bytes),
			fits: (cols, rows) => link.current?.resize(cols, rows),
			pressed: () => driving.current || setMissed(true),
			riskyPaste: setPaste,
			link: setAddress,
			entered: (yes) => {
				setEntered(yes);
				if (!yes) setMissed(false);
			},
		})
			.then((made) => {
				if (gone) return made.dispose();
				screen.current = made;
				link.current = desk.openLink(id, desk.isFresh(id), {
					output: (bytes, old) => made.write(bytes, old, () => link.current?.drawn(bytes.length)),
					restart: (bytes) => {
						made.restart();
						setSkipped((n) => n + bytes);
					},
					size: (cols, rows) => made.resize(cols, rows),
					changed: (next) => {
						made.setDriving(next.driving);
						driving.current = next.driving;
						if (next.driving) setMissed(false);
						if (next.phase === "ended") made.end();
						setState(next);
					},
				});
				if (element.closest("[data-active=true]")) made.focus();
			})
			.catch(() =>
				setTrouble({
					code: "internal",
					reason: "screen",
					message: "The terminal cannot be drawn here",
					mend: "",
				}),
			);
		return () => {
			gone = true;
			link.current?.close();
			screen.current?.dispose();
			link.current = undefined;
			screen.current = undefined;
		};
	}, [id, desk]);

	useEffect(() => {
		if (active) screen.current?.focus();
	}, [active]);

	// biome-ignore lint/correctness/useExhaustiveDependencies: the palette is read from the page after the theme changed
	useEffect(() => screen.current?.recolour(), [theme]);

	const over = record ? ended(record) : false;
	useEffect(() => {
		if (over && state.phase === "broken") link.current?.retryNow(true);
	}, [over, state.phase]);

	const online = useSelect((s) => s.connection.phase === "online");
	useEffect(() => {
		if (online) link.current?.retryNow();
	}, [online]);

	useEffect(() => {
		const copy = () => {
			const text = screen.current?.selection();
			if (active && text) void copyText(text);
		};
		window.addEventListener("atelier:copy", copy);
		return () => window.removeEventListener("atelier:copy", copy);
	}, [active]);

	const act = useCallback((call: Promise<void> | undefined) => call?.catch(desk.report), [desk]);
	const refocus = () => screen.current?.focus();

	if (trouble)
		return <FaultNote fault={trouble} action={{ label: "Reload", run: () => location.reload() }} />;
	return (
		<section
			className="terminal"
			aria-label={record ? `Terminal ${record.name}` : "Terminal"}
			data-active={active}
			data-entered={entered && state.driving}
			data-phase={state.phase}
		>
			<div className={state.driving ? "terminal-ground" : "terminal-ground terminal-watching"}>
				<div className="terminal-screen" data-terminal-content ref={host} />
			</div>
			<Ground record={record} state={state} />
			{record ? (
				<Foot
					record={record}
					state={state}
					skipped={skipped}
					missed={missed}
					onTake={() => act(link.current?.take().then(refocus))}
					onHandBack={() => act(link.current?.handBack())}
					onRetry={() => link.current?.retryNow()}
				/>
			) : null}
			{paste !== undefined ? (
				<PasteDialog
					text={paste}
					onClose={() => setPaste(undefined)}
					onPaste={() => {
						screen.current?.paste(paste);
						setPaste(undefined);
					}}
				/>
			) : null}
			{address ? (
				<Dialog title="A link in the output" onClose={() => setAddress(undefined)}>
					<p className="link-address">{address}</p>
					<div className="dialog-buttons">
						<CopyButton text={address} label="Copy address" />
						<Button onClick={() => setAddress(undefined)}>Close</Button>
					</div>
				</Dialog>
			) : null}
		</section>
	);
}

/** What is said where no output is seen. */
function Ground({ record, state }: { record: Terminal | undefined; state: LinkState }) {
	if (record && ended(record) && record.outputOffset === 0n)
		return <p className="terminal-silent">It wrote nothing.</p>;
	return state.phase === "connecting" ? <Waiting what="Waiting for the terminal…" /> : null;
}

/** A pane whose terminal the core does not know. */
export function UnknownTerminal() {
	return (
		<Empty title="This terminal is not here.">
			<p>It may belong to another home.</p>
		</Empty>
	);
}
