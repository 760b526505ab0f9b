import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { findSubjects } from '../../compare/discover/project.ts';
import { sumLayers } from '../../compare/inspect/inspect-images.ts';
import type { Report } from '../../compare/model/report-schema.ts';
import { mergeSettings } from '../../compare/model/settings.ts';
import { findChanges } from '../../compare/report/changes.ts';
import { createReport } from '../../compare/report/create-report.ts';
import type { ImageFacts } from '../../engine/engine.ts';
import { look } from './look.ts';
import { Bench, docker, engine, ROOT } from './test-engine.ts';

const bench = new Bench();
afterAll(() => bench.cleanUp());

describe('rebuild', () => {
  test('a rebuild without the layer cache makes other layers, and is not reported as a change', async () => {
    const chapter = '02-multi-stage';
    const context = join(ROOT, chapter);
    const reportOf = async (image: ImageFacts) => {
      const [subject] = await findSubjects(chapter, context, {}, mergeSettings());
      if (!subject) throw new Error(`${chapter} has no Dockerfile.`);
      const { layers, contents, findings } = await look(image);
      const size = sumLayers(layers, () => []);
      return createReport(engine.info, [{ subject, image, size, contents, findings }]);
    };
    const before = await reportOf(await bench.buildImage(context, 'Dockerfile.single'));
    const tag = `multi-stage-node/test:${bench.id}-rebuilt`;
    await docker(
      'build',
      '--no-cache',
      ...bench.labelArgs,
      '--tag',
      tag,
      '--file',
      join(context, 'Dockerfile.single'),
      context,
    );
    const rebuilt = await engine.image(tag);
    if (!rebuilt) throw new Error(`${tag} was not built.`);
    const after = await reportOf(rebuilt);
    const digests = ({ images }: Report) =>
      images.flatMap(({ size }) => size?.layers.map(({ digest }) => digest) ?? []);
    expect(digests(after)).not.toEqual(digests(before));
    expect(findChanges(after, before).images).toMatchObject([{ state: 'unchanged' }]);
  });
});
