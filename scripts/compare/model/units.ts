import { z } from 'zod';

// What the parts of the report's schema have in common.

export const count = z.int().nonnegative();
export const bytes = z.int().nonnegative();
export const milliseconds = z.number().nonnegative();
export const optionalText = z.string().nullable();
export const path = z.string().describe('An absolute path in the image');
export const layerIndex = z.int().nonnegative().describe('An index in size.layers; the lowest layer is 0');
