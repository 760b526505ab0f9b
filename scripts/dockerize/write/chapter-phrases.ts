/** The paragraphs of a chapter's Dockerfile: what dockerize writes has their words. */
export type Phrases = (stage: string, start: string, instruction?: string) => string;

/**
 * Reads a chapter's Dockerfile. The returned function finds the paragraph of a stage that has an instruction with this
 * beginning, and returns the instruction with its comment; with another instruction in its place, if one is given.
 */
export function readPhrases(text: string): Phrases {
  const found: { stage: string; comment: string[]; instruction: string }[] = [];
  let stage = '';
  for (const paragraph of text.trimEnd().split('\n\n')) {
    const lines = paragraph.split('\n');
    const first = lines.findIndex((line) => !line.startsWith('#'));
    stage = /^FROM .* AS (\S+)$/m.exec(paragraph)?.[1] ?? stage;
    // A paragraph may have several instructions; those that continue a line are indented.
    const instructions = lines
      .slice(first)
      .join('\n')
      .split(/\n(?=\S)/);
    instructions.forEach((instruction, index) => {
      found.push({ stage, comment: index === 0 ? lines.slice(0, first) : [], instruction });
    });
  }
  return (inStage, start, instruction) => {
    const phrase = found.find((one) => one.stage === inStage && one.instruction.startsWith(start));
    if (!phrase) throw new Error(`The chapter's Dockerfile has no ${start} in its stage ${inStage}`);
    return [...phrase.comment, instruction ?? phrase.instruction].join('\n');
  };
}
