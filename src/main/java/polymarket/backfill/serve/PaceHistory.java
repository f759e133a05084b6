package polymarket.backfill.serve;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** How fast each source was asked in the last hour. */
public final class PaceHistory {

  /** An hour of samples. */
  private static final int MOST = 720;

  /** Milliseconds between two samples that are kept. */
  private static final long STEP = 5_000;

  /**
   * A source at an instant.
   *
   * @param at epoch milliseconds
   * @param rate requests a second
   * @param limit the most that are allowed
   * @param troubled whether the source gave no good answer
   * @param refused answers with HTTP 429 since the sample before
   * @param open whether the source's circuit breaker refuses calls
   */
  public record Sample(
      long at, double rate, double limit, boolean troubled, long refused, boolean open) {}

  private final Map<String, Deque<Sample>> samples = new TreeMap<>();

  /**
   * Adds what was seen of a source, unless the last sample is too recent.
   *
   * @return whether it was added
   */
  public synchronized boolean add(String source, Sample sample) {
    Deque<Sample> of = samples.computeIfAbsent(source, name -> new ArrayDeque<>());
    if (!of.isEmpty() && sample.at() - of.getLast().at() < STEP) {
      return false;
    }
    of.addLast(sample);
    if (of.size() > MOST) {
      of.removeFirst();
    }
    return true;
  }

  /** Adds samples of an earlier process, the oldest first, before those of this one. */
  public synchronized void restore(String source, List<Sample> earlier) {
    Deque<Sample> of = samples.computeIfAbsent(source, name -> new ArrayDeque<>());
    for (int i = earlier.size() - 1; i >= 0 && of.size() < MOST; i--) {
      of.addFirst(earlier.get(i));
    }
  }

  /** The samples of each source after an instant, in epoch milliseconds. */
  public synchronized Map<String, List<Sample>> since(long instant) {
    Map<String, List<Sample>> later = new LinkedHashMap<>();
    samples.forEach(
        (source, of) ->
            later.put(source, of.stream().filter(sample -> sample.at() > instant).toList()));
    later.values().removeIf(List::isEmpty);
    return later;
  }

  /** The samples of each source, the oldest first. */
  public synchronized Map<String, List<Sample>> all() {
    Map<String, List<Sample>> all = new LinkedHashMap<>();
    samples.forEach((source, of) -> all.put(source, List.copyOf(of)));
    return all;
  }
}
