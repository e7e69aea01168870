const days = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const months = [
  "January",
  "February",
  "March",
  "April",
  "May",
  "June",
  "July",
  "August",
  "September",
  "October",
  "November",
  "December",
];

/** Python's datetime.strftime in the C locale, of local time without a zone; `-` before a letter drops its padding. */
export function strftime(time: Date, format: string): string {
  return format.replace(/%([-_0^]?)([a-zA-Z%])/g, (whole, flag: string, letter: string) => {
    const part = written(time, letter);
    if (part === undefined) return whole;
    if (flag === "-") return part.replace(/^[0 ]+(?=.)/, "");
    if (flag === "_") return part.replace(/^0+(?=.)/, (zeros) => " ".repeat(zeros.length));
    return flag === "^" ? part.toUpperCase() : part;
  });
}

const two = (number: number): string => number.toString().padStart(2, "0");
const padded = (number: number): string => number.toString().padStart(2, " ");
const hour12 = (time: Date): number => time.getHours() % 12 || 12;

function dayOfYear(time: Date): number {
  const midnight = Date.UTC(time.getFullYear(), time.getMonth(), time.getDate());
  return Math.round((midnight - Date.UTC(time.getFullYear(), 0, 0)) / 86_400_000);
}

/** ISO 8601: the week that has the year's first Thursday is its first. */
function isoWeek(time: Date): { year: number; week: number } {
  const thursday = new Date(time);
  thursday.setDate(time.getDate() - ((time.getDay() + 6) % 7) + 3);
  return { year: thursday.getFullYear(), week: Math.ceil(dayOfYear(thursday) / 7) };
}

function written(time: Date, letter: string): string | undefined {
  const composed = composites.get(letter);
  return composed === undefined ? parts.get(letter)?.(time) : strftime(time, composed);
}

const composites: ReadonlyMap<string, string> = new Map([
  ["c", "%a %b %e %H:%M:%S %Y"],
  ["D", "%m/%d/%y"],
  ["F", "%Y-%m-%d"],
  ["h", "%b"],
  ["R", "%H:%M"],
  ["r", "%I:%M:%S %p"],
  ["T", "%H:%M:%S"],
  ["x", "%m/%d/%y"],
  ["X", "%H:%M:%S"],
]);

const parts: ReadonlyMap<string, (time: Date) => string> = new Map<string, (time: Date) => string>([
  ["%", () => "%"],
  ["A", (time) => days[time.getDay()]!],
  ["a", (time) => days[time.getDay()]!.slice(0, 3)],
  ["B", (time) => months[time.getMonth()]!],
  ["b", (time) => months[time.getMonth()]!.slice(0, 3)],
  ["C", (time) => two(Math.floor(time.getFullYear() / 100))],
  ["d", (time) => two(time.getDate())],
  ["e", (time) => padded(time.getDate())],
  ["f", (time) => `${time.getMilliseconds().toString().padStart(3, "0")}000`],
  ["G", (time) => isoWeek(time).year.toString()],
  ["g", (time) => two(isoWeek(time).year % 100)],
  ["H", (time) => two(time.getHours())],
  ["I", (time) => two(hour12(time))],
  ["j", (time) => dayOfYear(time).toString().padStart(3, "0")],
  ["k", (time) => padded(time.getHours())],
  ["l", (time) => padded(hour12(time))],
  ["M", (time) => two(time.getMinutes())],
  ["m", (time) => two(time.getMonth() + 1)],
  ["n", () => "\n"],
  ["P", (time) => (time.getHours() < 12 ? "am" : "pm")],
  ["p", (time) => (time.getHours() < 12 ? "AM" : "PM")],
  ["S", (time) => two(time.getSeconds())],
  ["s", (time) => Math.floor(time.getTime() / 1000).toString()],
  ["t", () => "\t"],
  ["U", (time) => two(Math.floor((dayOfYear(time) + 6 - time.getDay()) / 7))],
  ["u", (time) => (time.getDay() || 7).toString()],
  ["V", (time) => two(isoWeek(time).week)],
  ["W", (time) => two(Math.floor((dayOfYear(time) + 6 - ((time.getDay() + 6) % 7)) / 7))],
  ["w", (time) => time.getDay().toString()],
  ["Y", (time) => time.getFullYear().toString()],
  ["y", (time) => two(time.getFullYear() % 100)],
  ["Z", () => ""],
  ["z", () => ""],
]);
