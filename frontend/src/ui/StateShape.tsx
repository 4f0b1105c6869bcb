// The state shapes, 12 px, drawn by us: a state is told by shape first, by
// colour second and never by colour alone.
import type { Shape } from "../domain/words";

const PATHS: Record<Shape, React.ReactNode> = {
	"needs-you": (
		<>
			<path d="M6 .5 11.5 6 6 11.5.5 6z" fill="currentColor" />
			<path d="M6 3.2v3.1M6 8.2v.6" stroke="var(--surface)" strokeWidth="1.4" strokeLinecap="round" />
		</>
	),
	// Calm and still: that a program runs says nothing about what it does.
	running: <circle cx="6" cy="6" r="3" fill="currentColor" />,
	done: (
		<path
			d="M1.8 6.4 4.7 9.2 10.2 3"
			fill="none"
			stroke="currentColor"
			strokeWidth="1.7"
			strokeLinecap="round"
			strokeLinejoin="round"
		/>
	),
	failed: (
		<>
			<rect x=".75" y=".75" width="10.5" height="10.5" rx="2" fill="currentColor" />
			<path d="m4 4 4 4M8 4 4 8" stroke="var(--surface)" strokeWidth="1.4" strokeLinecap="round" />
		</>
	),
	ended: (
		<rect
			x="1.75"
			y="1.75"
			width="8.5"
			height="8.5"
			rx="1.5"
			fill="none"
			stroke="currentColor"
			strokeWidth="1.5"
		/>
	),
	unknown: (
		<>
			<circle
				cx="6"
				cy="6"
				r="5"
				fill="none"
				stroke="currentColor"
				strokeWidth="1.2"
				strokeDasharray="1.6 1.6"
			/>
			<path d="M4.7 4.8a1.4 1.4 0 1 1 1.9 1.3c-.4.2-.6.4-.6.9M6 8.7v.1" fill="none" stroke="currentColor" />
		</>
	),
};

/** One shape. `label` is what a screen reader says; without it the shape is decoration. */
export function StateShape({ shape, label }: { shape: Shape; label?: string }) {
	if (!label) {
		return (
			<svg className={`shape shape-${shape}`} width="12" height="12" viewBox="0 0 12 12" aria-hidden="true">
				{PATHS[shape]}
			</svg>
		);
	}
	return (
		<svg
			className={`shape shape-${shape}`}
			width="12"
			height="12"
			viewBox="0 0 12 12"
			role="img"
			aria-label={label}
		>
			<title>{label}</title>
			{PATHS[shape]}
		</svg>
	);
}
