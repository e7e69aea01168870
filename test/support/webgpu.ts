/** Whether there is a GPU for tests, be it a software one; .ci/run sees to that. */
export const hasWebGpu = process.env.VK_ICD_FILENAMES !== undefined;
