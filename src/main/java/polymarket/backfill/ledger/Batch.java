package polymarket.backfill.ledger;

import java.util.ArrayList;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * Ids that are asked for together, and what came of it. It is in the ledger, ids and all, before it
 * is requested; it is the body of the exchange that goes from the ledger to the ledger, and stands
 * in its property {@value #PROPERTY}.
 */
public final class Batch {

  /** The exchange property that holds the batch. */
  public static final String PROPERTY = "batch";

  /** Why a batch was made. */
  public enum Kind {
    /** Ids in the order of the ledger. */
    FIRST,
    /** Half of a batch that kept failing. */
    HALF,
    /** The ids that an answer left out, asked for once more. */
    REASK,
    /**
     * One id that was answered before: shows whether the source answers at all. Nothing is stored
     * or marked.
     */
    PROBE;

    public String text() {
      return name().toLowerCase(Locale.ROOT);
    }

    static Kind of(String text) {
      return valueOf(text.toUpperCase(Locale.ROOT));
    }
  }

  /** What a batch's time goes into, apart from the steps between. */
  public enum Step {
    /** Waiting for the source's turn. */
    TURN,
    /** The call, and the wait before it is made once more. */
    REQUEST,
    INSERT,
    /** Seeing in ClickHouse what was stored. */
    READ_BACK,
    /** Marking its ids, and waiting for other batches to be marked. */
    LEDGER
  }

  /** Rows of one id from which on they are stored page by page. */
  private static final int KEPT_ROWS = 2_000;

  /** Rows that are held until they are inserted together. */
  private static final int GATHERED_ROWS = 20_000;

  private final long number;
  private final String job;
  private final String keyStart;
  private final String key;
  private final Kind kind;
  private final List<String> ids;
  private final boolean resumed;
  private final boolean redo;
  private boolean check;
  private final long passFrom;

  private Window window = Window.ALL;
  private Batch parent;
  private Map<String, Batch> parts;
  private String cursor;
  private String storedCursor;
  private int restarts;
  private boolean more = true;
  private final Set<String> pagesSeen = new HashSet<>();
  private int oldPages;
  private int emptyPages;
  private int keptPages;
  private int pagesTogether = 1;
  private int lastKept;
  private boolean pageByPage;
  private int shortPage = -1;
  private int shortPageTimes;
  private long fetchedSoFar;
  private long storedSoFar;
  private long rejectedSoFar;
  private final Map<String, Outcome> outcomes = new HashMap<>();
  private final List<String> missing = new ArrayList<>();
  private final Map<String, Long> rowsThere = new HashMap<>();
  private Map<String, Long> rowsOfPageThere = Map.of();
  private final List<Map<String, Object>> kept = new ArrayList<>();
  private final List<Map<String, Object>> gathered = new ArrayList<>();
  private final Set<String> answered = new HashSet<>();
  private final Set<String> cut = new HashSet<>();
  private volatile boolean idle;
  private long fetched;
  private long inserted;
  private long duplicate;
  private long rejected;
  private int requests;
  private int failures;
  private long lastFailure;
  private boolean failedBehindAnswer;
  private int trials;
  private int status;
  private final Map<Step, Long> nanos = new EnumMap<>(Step.class);
  private Step step;
  private long takenUpNanos = System.nanoTime();
  private long stepSince = takenUpNanos;
  private Thread worker;

  private Batch(Batch parent, String id) {
    this.number = parent.number;
    this.job = parent.job;
    this.keyStart = parent.keyStart;
    this.key = parent.key;
    this.kind = parent.kind;
    this.ids = List.of(id);
    this.resumed = false;
    this.redo = parent.redo;
    this.check = parent.check;
    this.passFrom = parent.passFrom;
    this.window = parent.window;
    this.parent = parent;
  }

  Batch(
      long number,
      String job,
      String ledgerId,
      Kind kind,
      List<String> ids,
      boolean resumed,
      boolean redo,
      boolean check,
      long passFrom,
      String cursor,
      long fetchedSoFar,
      long storedSoFar,
      long rejectedSoFar) {
    this.number = number;
    this.job = job;
    this.keyStart = job + "-" + ledgerId + "-";
    this.key = kind == Kind.PROBE ? keyStart + "probe" : key(number);
    this.passFrom = passFrom;
    this.kind = kind;
    this.ids = List.copyOf(ids);
    this.resumed = resumed;
    this.redo = redo;
    this.check = check;
    this.cursor = cursor;
    this.storedCursor = cursor;
    this.fetchedSoFar = fetchedSoFar;
    this.storedSoFar = storedSoFar;
    this.rejectedSoFar = rejectedSoFar;
  }

  /**
   * Ids to ask for without a ledger.
   *
   * @param kind FIRST, or REASK for those that were left out once
   */
  public static Batch preview(String job, List<String> ids, Kind kind) {
    return new Batch(0, job, "preview", kind, ids, false, false, false, 0, null, 0, 0, 0);
  }

  /** The empty batch that ends a feed. */
  public static Batch none(String job) {
    return new Batch(0, job, "none", Kind.FIRST, List.of(), false, false, false, 0, null, 0, 0, 0);
  }

  public long getNumber() {
    return number;
  }

  public String getJob() {
    return job;
  }

  /** The job's name as its tables' names begin: dashes are underscores. */
  public String getTable() {
    return job.replace('-', '_');
  }

  /** Names the batch in ClickHouse and in the idempotent consumer: job, ledger, number. */
  public String getKey() {
    return key;
  }

  private String key(long batch) {
    return keyStart + String.format(Locale.ROOT, "%07d", batch);
  }

  /** The first key that a batch of this pass may have: those of earlier passes sort before it. */
  public String passFirst() {
    return key(passFrom);
  }

  /** The last key that a batch of this ledger may have. */
  public String passLast() {
    return key(9_999_999);
  }

  public Kind getKind() {
    return kind;
  }

  /** The ids in their stored form, in order, none twice. */
  public List<String> getIds() {
    return ids;
  }

  public int getSize() {
    return ids.size();
  }

  /** Whether an earlier run had begun it. */
  public boolean isResumed() {
    return resumed;
  }

  /** Whether it replaces rows on purpose ({@code --redo}). */
  public boolean isRedo() {
    return redo;
  }

  /** Whether the table may hold some of its rows already, so that it is asked first. */
  public boolean isCheck() {
    return check;
  }

  /**
   * The ids as a JSON array of strings.
   *
   * @param prefix stands before each, such as 0x
   */
  public String json(String prefix) {
    return ids.stream()
        .map(id -> "\"" + prefix + id + "\"")
        .collect(Collectors.joining(",", "[", "]"));
  }

  Batch within(Window span) {
    window = span;
    return this;
  }

  /** The earliest time that rows are asked for, in seconds since 1970; 0 without a window. */
  public long getSince() {
    return window.since();
  }

  /**
   * The latest time that rows are asked for, in seconds since 1970; far in the future without a
   * window.
   */
  public long getUntil() {
    return window.until();
  }

  /**
   * The ids with commas between them, for a URL.
   *
   * @param prefix stands before each, such as 0x
   */
  public String joined(String prefix) {
    return ids.stream().map(id -> prefix + id).collect(Collectors.joining(","));
  }

  /** Where the next page begins; null at the beginning. */
  public String getCursor() {
    return cursor;
  }

  /** Whether there are more pages; true before the first. */
  public boolean isMore() {
    return more;
  }

  /**
   * Notes a page, where it is a new one and leads on.
   *
   * @param digest of its content; null where it is empty
   * @param next where the next one begins; null where it is the last
   * @param leads what of it the source gave, by which it is known again
   * @param repeated how many pages in a row may have been there before
   * @return null, or what was there before, a "page" or a "cursor", because the source goes in
   *     circles; nothing is noted then
   */
  public String page(String digest, String next, String leads, int repeated) {
    boolean old = digest != null && pagesSeen.contains("page " + digest);
    if (old && oldPages >= repeated) {
      return "page";
    }
    if (next != null && (next.equals(cursor) || pagesSeen.contains("cursor " + leads))) {
      return "cursor";
    }
    pagesSeen.add("page " + digest);
    pagesSeen.add("cursor " + leads);
    oldPages = old ? oldPages + 1 : 0;
    shortPage = -1;
    cursor = next;
    more = next != null;
    return null;
  }

  /** The source sent rows, though there may be none among them that were asked for. */
  public void sentRows() {
    emptyPages = 0;
  }

  /**
   * Notes a page without rows behind which there is more.
   *
   * @return how many of them came in a row
   */
  public int emptyPage() {
    return ++emptyPages;
  }

  /**
   * Whether a short page has come with as many rows three times in a row; where not, it is asked
   * for again.
   */
  public boolean isConfirmed(int rows) {
    shortPageTimes = shortPage == rows ? shortPageTimes + 1 : 1;
    shortPage = rows;
    return shortPageTimes >= 3;
  }

  /** Whether an empty page is not believed: true once for each cursor. */
  public boolean doubts() {
    return pagesSeen.add("empty at " + cursor);
  }

  /** Notes that its answer has no further page. */
  public void lastPage() {
    cursor = null;
    more = false;
  }

  /**
   * Begins at the first page again, because the source does not take the cursor any more; stored
   * rows are looked for.
   */
  public void restart() {
    cursor = null;
    more = true;
    check = true;
    restarts++;
    oldPages = 0;
    shortPage = -1;
    pagesSeen.clear();
    kept.clear();
    gathered.clear();
    keptPages = 0;
  }

  /** How often it began at the first page again. */
  public int restarts() {
    return restarts;
  }

  /** Rows of earlier pages. */
  public long fetchedSoFar() {
    return fetchedSoFar;
  }

  /** Rows of earlier pages that are in the tables, rejected ones too. */
  public long storedSoFar() {
    return storedSoFar;
  }

  /** Those of them that were rejected. */
  public long rejectedSoFar() {
    return rejectedSoFar;
  }

  /** The page's rows, requests and cursor are in the ledger. */
  synchronized void pageDone() {
    storedCursor = cursor;
    fetchedSoFar += fetched;
    storedSoFar += inserted + rejected;
    rejectedSoFar += rejected;
    requests = 0;
    resetRows();
    rowsOfPageThere.forEach((id, rows) -> rowsThere.merge(id, rows, Long::sum));
    rowsOfPageThere = Map.of();
  }

  /** How many rows of an id were in the table before. */
  public long rowsThere(String id) {
    return rowsThere.getOrDefault(id, 0L) + rowsOfPageThere.getOrDefault(id, 0L);
  }

  /** Whether rows of any id were in the table before. */
  public boolean anyThere() {
    return !rowsThere.isEmpty() || !rowsOfPageThere.isEmpty();
  }

  /**
   * Notes the rows of this page, by id, that were in the table before; storing the page once more
   * notes them anew.
   */
  public void pageThere(Map<String, Long> rows) {
    rowsOfPageThere = Map.copyOf(rows);
  }

  /**
   * Its ids each as a batch of its own, for sources that are asked for one id a call; this one
   * gathers what they bring.
   */
  public synchronized List<Batch> getParts() {
    parts = new LinkedHashMap<>();
    for (String id : ids) {
      parts.put(id, new Batch(this, id));
    }
    return List.copyOf(parts.values());
  }

  /**
   * Keeps a page's rows. A part hands them over with the last page; one with so many rows that they
   * are better stored page by page is left unanswered, and so gets a batch of its own.
   */
  public void keep(List<Map<String, Object>> rows) {
    kept.addAll(rows);
    keptPages++;
    lastKept = rows.size();
    if (parent == null) {
      return;
    }
    if (!more) {
      parent.gather(ids.get(0), kept);
    } else if (kept.size() > KEPT_ROWS) {
      kept.clear();
      lastPage();
    }
  }

  /**
   * Hands over the rows of the pages that were kept, which are then kept no more.
   *
   * @param growing whether twice as many pages are kept the next time; one page otherwise
   */
  public synchronized List<Map<String, Object>> takeKept(boolean growing) {
    List<Map<String, Object>> rows = List.copyOf(kept);
    kept.clear();
    keptPages = 0;
    pagesTogether = pageByPage || !growing ? 1 : Math.min(1024, 2 * pagesTogether);
    return rows;
  }

  /**
   * Whether a further page is to be kept before the rows are stored: twice as many pages as the
   * last time, so that a short list is stored page by page and a long one in inserts of many rows.
   *
   * @param rows from which on no further page is kept
   */
  public synchronized boolean keepsOn(int rows) {
    return more && keptPages < pagesTogether && kept.size() < rows;
  }

  /** Rows of the last page that was kept; 0 where pages are not kept. */
  public int lastKept() {
    return lastKept;
  }

  /** Whether pages are kept that are not stored. */
  public synchronized boolean keeps() {
    return keptPages > 0;
  }

  /**
   * Stores each page before the next is asked for, so that a page that cannot be had costs none of
   * those before it.
   */
  public synchronized void pageByPage() {
    pageByPage = true;
    pagesTogether = 1;
  }

  /**
   * Takes all rows of one id; where they would be too many with those of others, it is left
   * unanswered.
   */
  public synchronized void gather(String id, List<Map<String, Object>> rows) {
    if (gathered.isEmpty() || gathered.size() + rows.size() <= GATHERED_ROWS) {
      gathered.addAll(rows);
      answered.add(id);
    }
  }

  /** Whether it is one id of a batch whose ids are asked for one by one. */
  public boolean isPart() {
    return parent != null;
  }

  /** The rows that its parts brought. */
  public synchronized List<Map<String, Object>> gathered() {
    return List.copyOf(gathered);
  }

  /** The ids whose parts brought all their rows, or none because there are none. */
  public synchronized Set<String> answered() {
    return Set.copyOf(answered);
  }

  /**
   * Notes that the source cannot answer an id at once: smaller ones take its place when this batch
   * is done.
   */
  public synchronized void cut(String id) {
    cut.add(id);
  }

  /** The ids that are replaced by smaller ones. */
  public synchronized Set<String> cuts() {
    return Set.copyOf(cut);
  }

  /** How often an id could not be fetched since the batch was taken up. */
  synchronized int failures(String id) {
    return parts == null ? failures : parts.get(id).failures;
  }

  /** The outcome of each id; ids without one are not marked. */
  public Map<String, Outcome> outcomes() {
    return outcomes;
  }

  /** The ids that the answer left out. */
  public List<String> missing() {
    return missing;
  }

  /** Adds to the rows that came, were stored, were there already, or did not qualify. */
  public void count(long fetched, long inserted, long duplicate, long rejected) {
    this.fetched += fetched;
    this.inserted += inserted;
    this.duplicate += duplicate;
    this.rejected += rejected;
  }

  public long fetched() {
    return fetched;
  }

  public long inserted() {
    return inserted;
  }

  public long duplicate() {
    return duplicate;
  }

  public long rejected() {
    return rejected;
  }

  public void countRequest() {
    if (parent != null) {
      parent.countRequest();
      return;
    }
    synchronized (this) {
      requests++;
    }
  }

  public int requests() {
    return requests;
  }

  /**
   * Notes a failure that counts against the batch.
   *
   * @param httpStatus 0 where there was none
   * @param answered whether the source had answered well, and what came of the answer failed
   */
  public synchronized void countFailure(int httpStatus, boolean answered) {
    failures++;
    status = httpStatus;
    lastFailure = System.currentTimeMillis();
    failedBehindAnswer = answered;
  }

  /** Failures since it was last taken up, of all its calls. */
  public int failures() {
    return failures;
  }

  /** When it last failed in this run, in epoch milliseconds; 0 where it did not. */
  public long lastFailure() {
    return lastFailure;
  }

  /** Whether its last failure was with an answer, and not for want of one. */
  public boolean failedBehindAnswer() {
    return failedBehindAnswer;
  }

  /**
   * It failed with all its attempts, and the source has answered others since: it gets as many
   * attempts as a new one.
   *
   * @return how often that was so
   */
  public synchronized int tryAgain() {
    failures = 0;
    return ++trials;
  }

  /** How often it was tried again because the source had answered others since it failed. */
  public synchronized int trials() {
    return trials;
  }

  /** The HTTP status of the last failure; 0 where there was none. */
  public int status() {
    return status;
  }

  /** Forgets what came of it, because it is asked for once more. */
  public void forgetAnswer() {
    cursor = storedCursor;
    more = true;
    oldPages = 0;
    shortPage = -1;
    pagesSeen.clear();
    outcomes.clear();
    missing.clear();
    resetRows();
    synchronized (this) {
      kept.clear();
      gathered.clear();
      keptPages = 0;
      answered.clear();
      cut.clear();
      parts = null;
    }
  }

  /** Gives it as many attempts as a new one. */
  public void resetFailures() {
    failures = 0;
  }

  public void resetRows() {
    fetched = 0;
    inserted = 0;
    duplicate = 0;
    rejected = 0;
  }

  /** It is handed out now. */
  public void takenUp() {
    idle = false;
    synchronized (this) {
      takenUpNanos = System.nanoTime();
      stepSince = takenUpNanos;
      nanos.clear();
      step = null;
      worker = null;
    }
  }

  /** It is not worked on any more, for now or for good. */
  public void putDown() {
    idle = true;
  }

  /** Whether nobody works on it. */
  public boolean isIdle() {
    return idle;
  }

  /** Nanoseconds since it was handed out. */
  public long ageNanos() {
    return System.nanoTime() - takenUpNanos;
  }

  /** It goes into a step now, and out of the one that it was in; null for what lies between. */
  public synchronized void enter(Step next) {
    enter(next, System.nanoTime());
  }

  /** The same at an instant of {@link System#nanoTime}, which may be to come. */
  public synchronized void enter(Step next, long at) {
    if (step != null) {
      nanos.merge(step, Math.max(0, at - stepSince), Long::sum);
    }
    step = next;
    stepSince = at;
    worker = Thread.currentThread();
  }

  /**
   * When it last went into a step or out of one, itself or one of its parts, by {@link
   * System#nanoTime}; to come, where it waits for a turn.
   */
  public synchronized long movedAt() {
    long moved = stepSince;
    for (Batch part : parts == null ? List.<Batch>of() : List.copyOf(parts.values())) {
      moved = Math.max(moved, part.movedAt());
    }
    return moved;
  }

  /** The thread that took it into its last step, or out of it; null before the first. */
  public synchronized Thread worker() {
    return worker;
  }

  /** The step that it is in; null between them. */
  public synchronized Step step() {
    return step;
  }

  /**
   * The nanoseconds that it spent in each step; those of its parts, which go on at once, add up.
   */
  public synchronized Map<Step, Long> spent() {
    Map<Step, Long> all = new EnumMap<>(nanos);
    if (parts != null) {
      parts
          .values()
          .forEach(part -> part.spent().forEach((of, spent) -> all.merge(of, spent, Long::sum)));
    }
    return all.isEmpty() ? Map.of() : all;
  }

  @Override
  public String toString() {
    return key;
  }
}
