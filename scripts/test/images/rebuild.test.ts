import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { findSubjects } from '../../compare/discover/project.ts';
import type { Report } from '../../compare/model/report-schema.ts';
import { mergeSettings } from '../../compare/model/settings.ts';
import type { Subject } from '../../compare/model/subject.ts';
import { findChanges } from '../../compare/report/changes.ts';
import { makeReport } from '../../compare/report/create-report.ts';
import type { Engine, ImageFacts } from '../../engine/engine.ts';
import { look } from './look.ts';
import { Bench, describeWithEngine, engine, ROOT } from './test-engine.ts';

const bench = new Bench();
afterAll(() => bench.cleanUp());

describeWithEngine('rebuild', () => {
  test('a rebuild without the layer cache makes other layers, and is no change', async () => {
    const chapter = '02-multi-stage';
    const context = join(ROOT, chapter);
    const reportOf = async (image: ImageFacts) => {
      const [subject] = await findSubjects(chapter, context, {}, mergeSettings());
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
