/** Where a server is, by its address as clients write it: with or without /v1 and slashes at its end. */
export const serverRoot = (address: string): string => address.replace(/\/+(v1\/*)?$/, "");
