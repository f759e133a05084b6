package polymarket.backfill.run;

import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.List;
import java.util.TreeSet;
import polymarket.backfill.Messages;
import polymarket.backfill.UserError;
import polymarket.backfill.job.Job;
import polymarket.backfill.job.Ranges;
import polymarket.backfill.ledger.Ledger;
import polymarket.backfill.ledger.Share;
import polymarket.backfill.ledger.State;
import polymarket.backfill.run.Reaches.Reach;

/** Puts ranges into the ledger of a job whose ids are ranges, as far as its source reaches. */
final class RangeLoader {

  /**
   * The least width of ranges in the ledger; they are split when they are requested, so that a long
   * list is loaded quickly.
   */
  private static final long LISTED_WIDTH = 1_000;

  private final Reaches reaches;
  private final Messages messages;

  RangeLoader(Reaches reaches, Messages messages) {
    this.reaches = reaches;
    this.messages = messages;
  }

  /**
   * Adds the parts of the requested ranges that the ledger does not have yet, and prints how long
   * they will take.
   *
   * @param from the first number; null for the one after those in the ledger
   * @param to the last number, "latest" or null for the newest that the source has
   * @param datasets of a job that has some; null for all of them
   */
  void load(Job job, Ledger ledger, Long from, String to, List<String> datasets) {
    if (from == null && ledger.size(Share.WHOLE) == 0) {
      throw new UserError(
          "the first run of "
              + job.getName()
              + " takes the first of the "
              + job.getUnit()
              + ": `backfill run "
              + job.getName()
              + " --from N --to latest`; later ones go on behind the last");
    }
    Reach reach = reaches.of(job);
    if (from != null || to != null) {
      ledger.alone(() -> add(job, ledger, from, to, reach.last(), datasets));
    }
    TreeSet<String> pending = new TreeSet<>();
    ledger.entries(State.PENDING, Long.MAX_VALUE, entry -> pending.add(entry.id()));
    if (!pending.isEmpty()) {
      long numbers = pending.stream().mapToLong(Ranges::width).sum();
      messages.info(
          job.getName()
              + ": "
              + Messages.count(numbers)
              + " "
              + job.getUnit()
              + " to do, "
              + (job.sql().has("requests")
                  ? asAverage(job, reach, reaches.expected(job, pending))
                  : asWide(job, reach, reaches.expected(job, pending))));
    }
  }

  /** How long calls take that are limited by how many numbers a call takes. */
  private String asWide(Job job, Reach reach, long calls) {
    return "and "
        + reaches.source(job)
        + " takes "
        + Messages.count(reach.widest())
        + " per call at most: "
        + Messages.count(calls)
        + " calls or more"
        + atThePace(reach, calls);
  }

  /** How long requests take that are limited by how much an answer holds. */
  private String asAverage(Job job, Reach reach, long requests) {
    return "about "
        + Messages.count(requests, "request")
        + " to "
        + reaches.source(job)
        + ", as long as they have as many rows as such "
        + job.getUnit()
        + " have on average"
        + atThePace(reach, requests);
  }

  private static String atThePace(Reach reach, long calls) {
    return ", at "
        + Math.round(reach.callsPerSecond())
        + " calls/s at least "
        + Messages.time((long) Math.ceil(calls / reach.callsPerSecond()) * 1000);
  }

  private void add(
      Job job, Ledger ledger, Long from, String to, long reach, List<String> datasets) {
    long before = ledger.size(Share.WHOLE);
    TreeSet<String> known = new TreeSet<>(ledger.ids());
    long asked = to == null || to.equals("latest") ? reach : Long.parseLong(to);
    if (asked > reach) {
      messages.warn(
          job.getName() + ": --to " + to + " is beyond the last available one, which is " + reach);
    }
    long first = from != null ? from : Ranges.last(known.last()) + 1;
    long last = Math.min(reach, asked);
    if (first > last && from == null) {
      // nothing is new, which a run that follows finds every few seconds
      return;
    }
    if (first > last) {
      throw new UserError("--from " + first + " is beyond " + last + ", the last available one");
    }
    long width = Math.max(LISTED_WIDTH, reaches.span(job));
    List<String> added = new ArrayList<>();
    List<String> wanted =
        job.getDatasets().stream()
            .filter(name -> datasets == null || datasets.contains(name))
            .toList();
    Ranges.missing(known, wanted, first, last, width, added::add);
    ledger.load(loading -> added.forEach(loading::add));
    messages.info(
        job.getName()
            + ": "
            + Messages.count(added.stream().mapToLong(Ranges::width).sum())
            + " "
            + job.getUnit()
            + " from "
            + first
            + " to "
            + last
            + (before > 0 ? " are new" : ""));
  }

  /**
   * Makes the ranges pending again that have a number from one to another.
   *
   * @param before only those marked before, epoch milliseconds
   * @param share only this worker's
   * @param from null for no bound
   * @param to null or "latest" for no bound
   * @param datasets null for all
   * @param limit how many at most
   * @return how many
   */
  static long again(
      Ledger ledger,
      Collection<State> states,
      long before,
      Share share,
      Long from,
      String to,
      List<String> datasets,
      long limit) {
    long last = to == null || to.equals("latest") ? Long.MAX_VALUE : Long.parseLong(to);
    List<String> chosen = new ArrayList<>();
    for (State state : states) {
      ledger.entries(
          state,
          Long.MAX_VALUE,
          entry -> {
            String id = entry.id();
            if (chosen.size() < limit
                && entry.markedAt() < before
                && Share.slot(id) >= share.from()
                && Share.slot(id) < share.to()
                && Ranges.last(id) >= (from == null ? 0 : from)
                && Ranges.first(id) <= last
                && (datasets == null || !Collections.disjoint(Ranges.datasets(id), datasets))) {
              chosen.add(id);
            }
          });
    }
    ledger.redo(chosen);
    return chosen.size();
  }
}
