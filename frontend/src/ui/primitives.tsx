// Small parts that every feature is made of.
import { Check, Copy } from "lucide-react";
import { type ButtonHTMLAttributes, type ReactNode, useEffect, useRef, useState } from "react";
import type { Fault } from "../domain/types";
import { exactTime, nameParts, relativeTime } from "../domain/words";
import { copyText } from "./clipboard";
import { useNow } from "./clock";

type ButtonProps = ButtonHTMLAttributes<HTMLButtonElement> & { kind?: "plain" | "main" | "danger" | "quiet" };

export function Button({ kind = "plain", className = "", ...rest }: ButtonProps) {
	return <button type="button" className={`button button-${kind} ${className}`} {...rest} />;
}

/** A 28 px square with an icon; `label` is its name and its tooltip. */
export function IconButton({
	label,
	children,
	...rest
}: { label: string; children: ReactNode } & ButtonProps) {
	return (
		<button type="button" className="icon-button" aria-label={label} title={label} {...rest}>
			{children}
		</button>
	);
}

/** A name, cut in its middle when there is no room for all of it. */
export function Name({ text, className = "" }: { text: string; className?: string }) {
	const [head, end] = nameParts(text);
	return (
		<bdi className={`name ${className}`}>
			<span className="name-head">{head}</span>
			{end ? <span>{end}</span> : null}
		</bdi>
	);
}

/** A moment: relative, exact on hover. */
export function When({ at }: { at: number }) {
	const now = useNow();
	return (
		<time dateTime={new Date(at).toISOString()} title={exactTime(at)}>
			{relativeTime(at, now)}
		</time>
	);
}

/** Copies a text; says so for two seconds. */
export function CopyButton({ text, label }: { text: string; label: string }) {
	const [copied, setCopied] = useState(false);
	useEffect(() => {
		if (!copied) return;
		const timer = setTimeout(() => setCopied(false), 2000);
		return () => clearTimeout(timer);
	}, [copied]);
	return (
		<IconButton label={copied ? "Copied" : label} onClick={() => copyText(text).then(setCopied)}>
			{copied ? <Check size={16} strokeWidth={1.5} /> : <Copy size={16} strokeWidth={1.5} />}
		</IconButton>
	);
}

interface DialogProps {
	title: string;
	onClose: () => void;
	children: ReactNode;
	/** A palette stands near the top and needs no title that is seen. */
	kind?: "plain" | "wide" | "palette";
}

/** A dialog over everything: the browser holds the focus inside and closes it on Esc. */
export function Dialog({ title, onClose, children, kind = "plain" }: DialogProps) {
	const ref = useRef<HTMLDialogElement>(null);
	useEffect(() => {
		const before = document.activeElement;
		ref.current?.showModal();
		// Without a field nothing is chosen beforehand: Enter must not answer a question.
		(ref.current?.querySelector("input") ?? ref.current)?.focus();
		return () => {
			if (before instanceof HTMLElement) before.focus();
		};
	}, []);
	return (
		<dialog
			ref={ref}
			className={`dialog dialog-${kind}`}
			tabIndex={-1}
			aria-label={title}
			onClose={onClose}
			onCancel={onClose}
			onPointerDown={(e) => {
				// Outside of it is the backdrop, which belongs to the dialog's own element.
				if (e.target === ref.current && !isInside(e.clientX, e.clientY, ref.current)) onClose();
			}}
		>
			{kind === "palette" ? null : <h2 className="dialog-title">{title}</h2>}
			{children}
		</dialog>
	);
}

function isInside(x: number, y: number, element: Element): boolean {
	const box = element.getBoundingClientRect();
	return x >= box.left && x <= box.right && y >= box.top && y <= box.bottom;
}

/** What is said where there is nothing. */
export function Empty({ title, children }: { title: string; children?: ReactNode }) {
	return (
		<div className="empty">
			<p className="empty-title">{title}</p>
			{children}
		</div>
	);
}

/** Nothing is shown for the first 300 ms; then what is awaited. */
export const QUIET_MS = 300;

/** A line that says what is awaited, once that takes long enough to wonder. */
export function Waiting({ what }: { what: string }) {
	const [shown, setShown] = useState(false);
	useEffect(() => {
		const timer = setTimeout(() => setShown(true), QUIET_MS);
		return () => clearTimeout(timer);
	}, []);
	return shown ? (
		<p className="waiting" role="status">
			{what}
		</p>
	) : null;
}

/** What went wrong, why, and one button that helps. */
export function FaultNote({ fault, action }: { fault: Fault; action?: { label: string; run: () => void } }) {
	return (
		<div className="fault" role="alert">
			<p className="fault-what">{fault.message}</p>
			{fault.mend ? <p className="fault-mend">{fault.mend}.</p> : null}
			{action ? <Button onClick={action.run}>{action.label}</Button> : null}
		</div>
	);
}
