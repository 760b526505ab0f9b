// `npm run bench:shapes -w scripts`: our own Dockerfiles beside the strongest public shapes, rebuilt for the same app on
// the same base images. All are measured, tried and timed in one run, as `npm run compare -- --behaviour --bench` does.
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { basesOf, findChapters } from './compare/discover/chapters.ts';
import { subjectsOf } from './compare/discover/project.ts';
import { settingsOf } from './compare/model/settings.ts';
import { REFERENCE, type Subject, subjectName } from './compare/model/subject.ts';
import { measureSubjects } from './compare/pipeline.ts';
import { openOutputs } from './compare/report/outputs.ts';
import { findEngine } from './engine/find-engine.ts';
import { EXIT } from './lib/errors.ts';
import { main } from './lib/program.ts';
import { createProgress } from './lib/progress.ts';
import { provideBases } from './setup/base-images.ts';

const HELP = `Usage: npm run bench:shapes -w scripts -- [--runs n] [--json file] [--markdown file]

Compares the chapters' Dockerfiles with the public shapes in scripts/shapes: sizes, behaviour, times.
Takes about four minutes for each run, and five before the first. 5 runs are the default.`;

const ROOT = join(import.meta.dirname, '..');
const SHAPES = join(import.meta.dirname, 'shapes');
/** The chapter that the shapes are compared with, and whose app they are built for. */
const OURS = '04-three-stage';

/** Our own Dockerfiles, that of {@link OURS} first, then the shapes. */
async function findSubjects(): Promise<Subject[]> {
  const own = (await findChapters(ROOT)).filter(({ variant }) => variant !== REFERENCE);
  return [
    ...own
      .sort((a, b) => Number(b.chapter === OURS) - Number(a.chapter === OURS))
      .map((subject) => ({
        ...subject,
        chapter: 'shapes',
        variant: subjectName(subject),
      })),
    ...(await subjectsOf('shapes', SHAPES, { context: join(ROOT, OURS) }, settingsOf())),
  ];
}

await main(async (signal) => {
  const { values } = parseArgs({
    options: {
      runs: { type: 'string', default: '5' },
      json: { type: 'string' },
      markdown: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help) {
    console.log(HELP);
    return EXIT.ok;
  }
  const runs = Number(values.runs);
  if (!Number.isInteger(runs) || runs < 1) {
    console.error(HELP);
    return EXIT.usage;
  }
  const { json, markdown } = values;
  const outputs = await openOutputs({ json, markdown, quiet: false }, process.env.INIT_CWD ?? process.cwd());
  try {
    const engine = await findEngine();
    const subjects = await findSubjects();
    const progress = createProgress();
    await provideBases(engine, await basesOf(subjects), progress);
    const extent = { jobs: availableParallelism(), keep: false, behaviour: true, bench: true, runs };
    const report = await measureSubjects(engine, { subjects, images: [] }, extent, { signal, progress });
    await outputs.write(report, {});
    return report.images.every(({ ok }) => ok) ? EXIT.ok : EXIT.failed;
  } finally {
    await outputs.release();
  }
});
