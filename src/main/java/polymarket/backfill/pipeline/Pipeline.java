package polymarket.backfill.pipeline;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import java.util.stream.Stream;
import polymarket.backfill.Nearest;
import polymarket.backfill.Settings;
import polymarket.backfill.UserError;
import polymarket.backfill.YamlFile;

/**
 * What routes/pipelines/NAME.yaml says: steps, each a command of the program, in the order of the
 * file. (Its name does not end in .camel.yaml, so that no run takes it for routes.)
 *
 * @param budget the time that all of it may take
 * @param steps by their names, in the order of the file
 */
public record Pipeline(
    String name, String title, Duration budget, Map<String, Step> steps, Path file) {

  private static final String SUFFIX = ".yaml";

  /** What happens to a step when the steps after it need the time that is left. */
  public enum IfShort {
    /** It runs whatever time is left. */
    RUN,
    /** It is stopped in time, and its data so far is used. */
    CUT,
    /**
     * It is not started where it would not end in time, and stopped like the others where it runs.
     */
    SKIP
  }

  /**
   * A step.
   *
   * @param command as a person would type it: with the settings in it filled in, but for those that
   *     may hold a secret
   * @param words of the command, with the settings in it filled in
   * @param after the steps that have to end first
   * @param takes how long it is expected to take
   * @param most the longest that it may work; null for no such bound
   * @param goesOn whether the steps after it run although it failed
   * @param retries how often it is repeated after it failed
   * @param pause the wait before that
   * @param requests how many it is expected to make; 0 where it makes none or the number is unknown
   * @param requestsFrom where that number comes from
   * @param needs the tables that have to be there before anything is begun
   * @param report whether the report includes its output
   * @param html the page that it writes, which the report's page includes instead of what it
   *     prints; null for none
   * @param line its line in the file
   */
  public record Step(
      String name,
      String title,
      String command,
      List<String> words,
      List<String> after,
      Duration takes,
      Duration most,
      IfShort ifShort,
      boolean goesOn,
      int retries,
      Duration pause,
      long requests,
      String requestsFrom,
      List<String> needs,
      boolean report,
      Path html,
      int line) {

    /**
     * Whether it is started where so much time is left for it.
     *
     * @param roomMillis when the required steps after it keep theirs
     */
    boolean isStartedWith(long roomMillis) {
      return switch (ifShort) {
        case RUN -> true;
        case CUT -> roomMillis > 0;
        case SKIP -> roomMillis >= takes.toMillis();
      };
    }

    private Step taking(Duration time) {
      return new Step(
          name,
          title,
          command,
          words,
          after,
          time,
          most,
          ifShort,
          goesOn,
          retries,
          pause,
          requests,
          requestsFrom,
          needs,
          report,
          html,
          line);
    }
  }

  /**
   * The same pipeline with other times than its file has.
   *
   * @param takes how long steps are expected to take, by their names; the others stay as they are
   */
  Pipeline taking(Map<String, Duration> takes) {
    Map<String, Step> timed = new LinkedHashMap<>();
    steps.forEach(
        (step, of) -> timed.put(step, takes.containsKey(step) ? of.taking(takes.get(step)) : of));
    return new Pipeline(name, title, budget, timed, file);
  }

  /** The pipelines that there are: one for each file in routes/pipelines. */
  public static List<String> names(Path home) {
    Path folder = home.resolve("routes/pipelines");
    if (!Files.isDirectory(folder)) {
      return List.of();
    }
    try (Stream<Path> files = Files.list(folder)) {
      return files
          .filter(YamlFile::isEdited)
          .map(file -> file.getFileName().toString())
          .filter(file -> file.endsWith(SUFFIX))
          .map(file -> file.substring(0, file.length() - SUFFIX.length()))
          .sorted()
          .toList();
    } catch (IOException e) {
      throw new UserError("cannot read " + folder + ": " + e.getMessage());
    }
  }

  /**
   * @param mistake looks at a command's words, and says in one line what is wrong with them, or
   *     null
   * @throws UserError where there is no such pipeline, or a mistake in its file: with its line, and
   *     what to do
   */
  public static Pipeline read(
      Settings settings, String name, Function<List<String>, String> mistake) {
    List<String> names = names(settings.home());
    if (!names.contains(name)) {
      throw new UserError(
          "no pipeline '"
              + name
              + "'."
              + Nearest.hint(name, names)
              + " The pipelines are: "
              + String.join(", ", names));
    }
    return new PipelineReader(
            settings, settings.home().resolve("routes/pipelines").resolve(name + SUFFIX), mistake)
        .read(name);
  }

  public Step step(String step) {
    Step found = steps.get(step);
    if (found == null) {
      throw new UserError(
          "no step '"
              + step
              + "' in "
              + file.getFileName()
              + "."
              + Nearest.hint(step, steps.keySet())
              + " The steps are: "
              + String.join(", ", steps.keySet()));
    }
    return found;
  }

  /** The file and line of a step: overnight.yaml:31. */
  String where(Step step) {
    return file.getFileName() + ":" + step.line();
  }

  /** The steps that come after one, directly or indirectly, in the order of the file. */
  public Set<String> behind(String step) {
    Set<String> behind = new LinkedHashSet<>();
    boolean more = true;
    while (more) {
      more = false;
      for (Step other : steps.values()) {
        more |=
            other.after().stream()
                    .anyMatch(before -> before.equals(step) || behind.contains(before))
                && behind.add(other.name());
      }
    }
    return behind;
  }

  /**
   * How much time has to be kept for what comes after a step: the longest chain of steps that run
   * whatever time is left.
   *
   * @param left which of them are not done yet
   */
  public Duration kept(String step, Set<String> left) {
    Duration longest = Duration.ZERO;
    for (Step other : steps.values()) {
      if (other.after().contains(step)) {
        Duration chain = kept(other.name(), left);
        if (left.contains(other.name()) && other.ifShort() == IfShort.RUN) {
          chain = chain.plus(other.takes());
        }
        longest = chain.compareTo(longest) > 0 ? chain : longest;
      }
    }
    return longest;
  }
}
