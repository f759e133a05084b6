package polymarket.backfill.store;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Function;
import polymarket.backfill.Checksum64;
import polymarket.backfill.clickhouse.ClickHouse;
import polymarket.backfill.clickhouse.ClickHouseException;
import polymarket.backfill.clickhouse.GroupRefusedException;
import polymarket.backfill.job.Job;
import polymarket.backfill.ledger.Batch;
import polymarket.backfill.ledger.BatchWork;
import polymarket.backfill.ledger.GroupedInsert;
import polymarket.backfill.ledger.Ledger;
import polymarket.backfill.ledger.Share;

/**
 * Inserts the rows of batches: those that wait while an insert of their job runs share the next
 * one, as a database groups commits. ClickHouse analyses the landing table's expressions and views
 * for each insert, which takes longer than the rows themselves.
 *
 * <p>An insert is repeated with the same rows and the same deduplication token until ClickHouse
 * says what came of it. A batch alone cannot make an insert of several again, so the ledger keeps
 * it from before it is sent until it is acknowledged or refused, and the next run repeats it before
 * it resumes the batches ({@link #repeat}).
 *
 * <p>A batch is inserted alone if it looks into the table first; if its job's pages repeat rows, or
 * another job stores some of them ({@code after}), because what is missing can change between two
 * attempts; and by a member of a shared ledger, because the batch may be another member's by the
 * second attempt.
 */
public final class InsertGroups {

  /** A group ends with the batch that brings its rows to this size. */
  private static final int MOST_BYTES = 8 << 20;

  /** What one batch inserts. */
  private static final class Part {

    private final BatchWork batch;
    private final byte[] rows;
    private final String token;

    /** The insert that it is part of; null while it waits for the one before. */
    private Group group;

    private Part(BatchWork batch, byte[] rows, String token) {
      this.batch = batch;
      this.rows = rows;
      this.token = token;
    }

    /** How many rows of its batch the tables have when it is stored, rejected ones too. */
    private long total() {
      long lines = batch.rows().storedBefore();
      for (byte b : rows) {
        lines += b == '\n' ? 1 : 0;
      }
      return lines;
    }
  }

  /** The parts of one insert, which the thread of the first part sends. */
  private static final class Group {

    private final String table;
    private final Ledger ledger;
    private final List<Part> parts = new ArrayList<>();

    /** What is sent, where there are several parts. */
    private GroupedInsert insert;

    /** Whether the first attempt has ended. */
    private boolean tried;

    /** Held during an attempt. */
    private final ReentrantLock lock = new ReentrantLock();

    private volatile int attempts;
    private RuntimeException failure;

    /** Whether ClickHouse did not say what came of an attempt. */
    private boolean unanswered;

    private boolean stored;
    private boolean refused;

    private Group(String table, Ledger ledger) {
      this.table = table;
      this.ledger = ledger;
    }

    /** Takes parts, up to {@link #MOST_BYTES}. */
    private void take(Deque<Part> waiting) {
      long bytes = 0;
      while (!waiting.isEmpty() && bytes < MOST_BYTES) {
        Part part = waiting.remove();
        part.group = this;
        parts.add(part);
        bytes += part.rows.length;
      }
    }

    private GroupedInsert joined() {
      Map<Long, Long> batches = new LinkedHashMap<>();
      ByteArrayOutputStream rows = new ByteArrayOutputStream();
      Checksum64 tokens = new Checksum64();
      for (Part part : parts) {
        batches.put(part.batch.batch().key().number(), part.total());
        rows.writeBytes(part.rows);
        tokens.add(part.token.getBytes(StandardCharsets.UTF_8));
      }
      String token = parts.get(0).batch.getKey() + "+" + (parts.size() - 1) + ":" + tokens.hex();
      return new GroupedInsert(token, table, batches, rows.toByteArray());
    }
  }

  private final ClickHouse clickHouse;
  private final Map<String, Job> jobs;
  private final Function<String, Ledger> ledgers;

  /** What waits for the insert that runs, by job and table; absent where none runs. */
  private final Map<String, Deque<Part>> waiting = new HashMap<>();

  /** The groups that were sent and are neither stored nor refused, by the keys of their batches. */
  private final Map<String, Group> doubtful = new ConcurrentHashMap<>();

  /**
   * The keys of batches whose insert of their own was not acknowledged: they make the same one
   * again.
   */
  private final Set<String> alone = ConcurrentHashMap.newKeySet();

  /**
   * @param ledgers the ledger of a job; null where nothing is stored
   */
  public InsertGroups(
      ClickHouse clickHouse, Map<String, Job> jobs, Function<String, Ledger> ledgers) {
    this.clickHouse = clickHouse;
    this.jobs = jobs;
    this.ledgers = ledgers;
  }

  /**
   * Repeats the inserts that a killed run had begun, if not all of their rows are stored:
   * ClickHouse may be inserting them still, and then drops the repetition.
   *
   * @param share whose batches this process resumes
   * @throws ClickHouseException if ClickHouse does not answer
   */
  public static void repeat(ClickHouse clickHouse, Job job, Ledger ledger, Share share) {
    List<GroupedInsert> begun = ledger.begunInserts();
    if (begun.isEmpty()) {
      return;
    }
    List<Batch> open = ledger.open(Share.WHOLE);
    List<Batch> own = ledger.open(share);
    for (GroupedInsert insert : begun) {
      List<Batch> resumed = of(insert, own);
      if (resumed.isEmpty() && !of(insert, open).isEmpty()) {
        // another worker's, which may be at it
        continue;
      }
      if (resumed.stream()
          .anyMatch(
              batch ->
                  stored(clickHouse, job, batch) < insert.batches().get(batch.key().number()))) {
        try {
          clickHouse.insert(insert.table(), insert.rows(), insert.token());
        } catch (ClickHouseException e) {
          if (!e.isOver()) {
            throw e;
          }
          // refused: each batch looks which of its rows are stored, and inserts the others alone
        }
      }
      ledger.end(insert);
    }
  }

  private static List<Batch> of(GroupedInsert insert, List<Batch> batches) {
    return batches.stream()
        .filter(batch -> insert.batches().containsKey(batch.key().number()))
        .toList();
  }

  /** How many rows of a batch the tables have, rejected ones too. */
  private static long stored(ClickHouse clickHouse, Job job, Batch batch) {
    String sql = job.sql().section("stored").sql(Storing.values(new BatchWork(batch)));
    return clickHouse.rows(sql, Map.of()).stream()
        .mapToLong(
            row ->
                ((Number) row.get("rows")).longValue() + ((Number) row.get("rejected")).longValue())
        .sum();
  }

  /**
   * Inserts a batch's rows, alone or with those of other batches, and returns when they are stored.
   *
   * @param table with its database
   * @param batch null if the rows are of none
   * @param rows as JSONEachRow
   * @param token the deduplication token of these rows
   * @throws ClickHouseException if ClickHouse did not acknowledge them
   * @throws GroupRefusedException if it refused an insert of several batches: this one is inserted
   *     alone the next time, after a look into the table
   */
  void insert(String table, BatchWork batch, byte[] rows, String token)
      throws InterruptedException {
    if (batch != null && batch.isAcknowledged(token)) {
      return;
    }
    if (batch == null
        || batch.isCheck()
        || alone.contains(batch.getKey())
        || !isGrouped(batch.getJob())) {
      clickHouse.insert(table, rows, token);
      if (batch != null && alone.remove(batch.getKey())) {
        batch.acknowledged(token);
      }
      return;
    }
    Part part = new Part(batch, rows, token);
    Group group = turn(table, part);
    if (group.parts.get(0) == part) {
      try {
        first(group);
      } catch (RuntimeException e) {
        group.failure = e;
      } catch (InterruptedException | Error e) {
        // the others of the group would wait for nothing
        group.failure = new IllegalStateException("an insert of several batches ended: " + e, e);
        throw e;
      } finally {
        ended(group, part);
      }
    }
    if (group.stored) {
      // in another group, or alone, the same rows would have another token
      batch.acknowledged(token);
    } else if (group.refused) {
      throw new GroupRefusedException(group.failure);
    } else {
      throw group.failure;
    }
  }

  private boolean isGrouped(String name) {
    Job job = jobs.get(name);
    Ledger ledger = ledgers.apply(name);
    return ledger != null && !ledger.isShared() && !job.isLookFirst() && job.getAfter().isEmpty();
  }

  /**
   * Repeats the insert of several batches that a batch was in and that was not acknowledged, before
   * the table is asked which of the batch's rows it has.
   *
   * @throws ClickHouseException if ClickHouse does not say what came of it this time either
   */
  void settle(BatchWork batch) throws InterruptedException {
    Group group = doubtful.get(batch.getKey());
    if (group != null) {
      try {
        send(group);
      } catch (ClickHouseException e) {
        if (!group.refused) {
          throw e;
        }
      }
    }
  }

  private static String place(String table, Part part) {
    return part.batch.getJob() + " " + table;
  }

  /** Waits until a part's group was tried, or is to be tried by the part's own thread. */
  private Group turn(String table, Part part) throws InterruptedException {
    synchronized (waiting) {
      Deque<Part> queue = waiting.get(place(table, part));
      if (queue == null) {
        waiting.put(place(table, part), new ArrayDeque<>());
        new Group(table, ledgers.apply(part.batch.getJob())).take(new ArrayDeque<>(List.of(part)));
        return part.group;
      }
      queue.add(part);
      while (part.group == null || part.group.parts.get(0) != part && !part.group.tried) {
        try {
          waiting.wait();
        } catch (InterruptedException e) {
          if (part.group != null && part.group.parts.get(0) == part) {
            // the others wait for this thread
            Thread.currentThread().interrupt();
            return part.group;
          }
          if (!queue.remove(part)) {
            // the group goes on without this thread
            part.batch.look();
          }
          throw e;
        }
      }
      return part.group;
    }
  }

  /** The first attempt has ended: those who waited for it make the next group. */
  private void ended(Group group, Part first) {
    synchronized (waiting) {
      group.tried = true;
      Deque<Part> queue = waiting.get(place(group.table, first));
      if (queue.isEmpty()) {
        waiting.remove(place(group.table, first));
      } else {
        new Group(group.table, group.ledger).take(queue);
      }
      waiting.notifyAll();
    }
  }

  private void first(Group group) throws InterruptedException {
    if (group.parts.size() == 1) {
      Part only = group.parts.get(0);
      alone.add(only.batch.getKey());
      clickHouse.insert(group.table, only.rows, only.token);
      alone.remove(only.batch.getKey());
      group.stored = true;
      return;
    }
    group.insert = group.joined();
    group.ledger.begin(group.insert);
    group.parts.forEach(part -> doubtful.put(part.batch.getKey(), group));
    send(group);
  }

  /** Sends an insert of several batches, if it is neither stored nor refused. */
  private void send(Group group) throws InterruptedException {
    int before = group.attempts;
    group.lock.lockInterruptibly();
    try {
      if (group.stored || group.refused) {
        return;
      }
      if (group.attempts != before) {
        // another batch of the group has just tried
        throw group.failure;
      }
      group.attempts++;
      try {
        clickHouse.insert(group.table, group.insert.rows(), group.insert.token());
        group.stored = true;
      } catch (ClickHouseException e) {
        group.failure = e;
        // an attempt that was not answered may go on, but for rows that cannot be read
        group.refused = !e.passes() && (!group.unanswered || e.isData());
        group.unanswered |= !e.isOver();
        throw e;
      } finally {
        if (!group.stored) {
          // from now on each batch looks which of its rows are stored
          group.parts.forEach(part -> part.batch.look());
        }
        if (group.stored || group.refused) {
          group.ledger.end(group.insert);
          group.parts.forEach(part -> doubtful.remove(part.batch.getKey(), group));
        }
      }
    } finally {
      group.lock.unlock();
    }
  }
}
