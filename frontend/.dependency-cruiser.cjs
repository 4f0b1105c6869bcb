// The layers of the page. A folder imports only from those before it:
// domain < wire, store < ui, surface < feature < app. Folders between the same
// two signs never import one another, and neither do two features.
const floors = [["domain"], ["wire", "store"], ["ui", "surface"], ["feature"], ["app"]];

const rules = floors.flatMap((floor, n) =>
	floor.map((folder) => {
		const above = floors.slice(n + 1).flat();
		const beside = floor.filter((other) => other !== folder);
		return {
			name: `${folder}-imports-downwards`,
			severity: "error",
			from: { path: `^src/${folder}/` },
			to: { path: `^src/(${[...above, ...beside, "nothing-else"].join("|")})/` },
		};
	}),
);

module.exports = {
	forbidden: [
		...rules,
		{
			name: "features-are-strangers",
			severity: "error",
			from: { path: "^src/feature/([^/]+)/" },
			to: { path: "^src/feature/", pathNot: "^src/feature/$1/" },
		},
		{
			name: "gen-belongs-to-wire",
			severity: "error",
			from: { pathNot: "^src/wire/" },
			to: { path: "^src/wire/gen/" },
		},
		{
			name: "react-stays-out-below-ui",
			severity: "error",
			from: { path: "^src/(domain|wire|store)/" },
			to: { path: "node_modules/(react|react-dom)/" },
		},
		{ name: "no-circles", severity: "error", from: {}, to: { circular: true } },
		{
			name: "no-orphans",
			severity: "error",
			from: { orphan: true, path: "^src/", pathNot: ["\\.test\\.tsx?$", "\\.d\\.ts$", "^src/wire/gen/"] },
			to: {},
		},
	],
	options: {
		doNotFollow: { path: "node_modules" },
		tsPreCompilationDeps: true,
		tsConfig: { fileName: "tsconfig.json" },
		enhancedResolveOptions: { exportsFields: ["exports"], conditionNames: ["import", "types", "default"] },
	},
};
