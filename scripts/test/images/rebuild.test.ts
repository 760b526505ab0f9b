import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import type { Engine, ImageFacts } from '../../src/engine/engine.ts';
import { findChanges } from '../../src/report/changes.ts';
import { makeReport } from '../../src/report/report.ts';
import type { Report } from '../../src/report/schema.ts';
import { subjectsOf } from '../../src/subjects/project.ts';
import { settingsOf } from '../../src/subjects/settings.ts';
import type { Subject } from '../../src/subjects/subject.ts';
import { Bench, describeWithEngine, engine, ROOT } from './engine.ts';
import { look } from './look.ts';

const bench = new Bench();
afterAll(() => bench.cleanUp());

describeWithEngine('rebuild', () => {
  test('a rebuild without the layer cache makes other layers, and is no change', async () => {
    const chapter = '02-multi-stage';
    const context = join(ROOT, chapter);
    const reportOf = async (image: ImageFacts) => {
      const [subject] = await subjectsOf(chapter, context, {}, settingsOf());
      return makeReport(engine as Engine, [{ subject: subject as Subject, image, ...(await look(image)) }]);
    };
    const before = await reportOf(await bench.buildImage(context, 'Dockerfile.single'));
    const after = await reportOf(await bench.buildImage(context, 'Dockerfile.single', { noCache: true }));
    const digests = ({ images }: Report) =>
      images.flatMap(({ size }) => size?.layers.map(({ digest }) => digest) ?? []);
    expect(digests(after)).not.toEqual(digests(before));
    expect(findChanges(after, before).images).toMatchObject([{ state: 'unchanged' }]);
  });
});
