package polymarket.backfill.run;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.camel.impl.DefaultCamelContext;
import org.apache.camel.model.ModelCamelContext;
import org.apache.camel.model.RouteDefinition;
import org.apache.camel.spi.Resource;
import org.apache.camel.support.PluginHelper;
import org.apache.camel.support.RouteWatcherReloadStrategy;
import org.snakeyaml.engine.v2.exceptions.MarkedYamlEngineException;
import polymarket.backfill.Messages;
import polymarket.backfill.Settings;
import polymarket.backfill.UserError;
import polymarket.backfill.YamlFile;
import polymarket.backfill.clickhouse.ClickHouse;
import polymarket.backfill.job.Job;
import polymarket.backfill.source.Retry;
import polymarket.backfill.source.Sources;
import polymarket.backfill.store.ClickHouseComponent;

/**
 * Reloads route files that are edited while Camel runs. A file is tried in a context of its own
 * first, so that a mistake in it is one line on the screen and the route that runs stays as it is.
 */
final class RouteReload extends RouteWatcherReloadStrategy {

  /** An editor empties a file and writes it within less. */
  private static final int SETTLED_MILLIS = 200;

  /** So often is waited for a file that is being replaced: an editor or git may delete it first. */
  private static final int MISSING_WAITS = 15;

  private static final Pattern LINE = Pattern.compile("line:? (\\d+)");

  private final Collection<String> loaded;
  private final Collection<Job> jobs;
  private final Settings settings;
  private final Map<String, Object> beans;
  private final ClickHouse clickHouse;
  private final Retry retry;
  private final Messages messages;

  /** The text of each file as it was last reloaded: one save of an editor can be several events. */
  private final Map<Path, String> reloaded = new HashMap<>();

  /** The mistake and the text of each file whose last edit was refused. */
  private final Map<Path, String> refused = new HashMap<>();

  /**
   * @param loaded the files that this run has loaded, as URIs; others are left alone
   * @param jobs of this run
   * @param beans what the routes refer to by name
   */
  RouteReload(
      Settings settings,
      Collection<String> loaded,
      Collection<Job> jobs,
      Map<String, Object> beans,
      ClickHouse clickHouse,
      Retry retry,
      Messages messages) {
    super(settings.home().resolve("routes").toString(), true);
    this.loaded = loaded;
    this.jobs = jobs;
    this.settings = settings;
    this.beans = beans;
    this.clickHouse = clickHouse;
    this.retry = retry;
    this.messages = messages;
    setRemoveAllRoutes(false);
    setFileFilter(
        file -> loaded.contains(file.toPath().toAbsolutePath().normalize().toUri().toString()));
  }

  @Override
  protected void onRouteReload(Collection<Resource> resources, boolean removeEverything) {
    for (Resource resource : resources == null ? List.<Resource>of() : resources) {
      Path path = Path.of(resource.getURI());
      String file = path.getFileName().toString();
      String text = "";
      try {
        text = settled(path);
        if (text.equals(reloaded.get(path))) {
          continue;
        }
        ModelCamelContext context = (ModelCamelContext) getCamelContext();
        Map<String, Sources.Throttle> before = throttles(context);
        Map<String, Sources.Throttle> tried = tryOut(resource);
        retry.reloading(true);
        try {
          super.onRouteReload(List.of(resource), false);
        } finally {
          retry.reloading(false);
        }
        StringBuilder changes = new StringBuilder();
        tried.forEach(
            (route, now) -> {
              Sources.Throttle was = before.get(route);
              if (was == null
                  || was.requests() != now.requests()
                  || was.periodMillis() != now.periodMillis()) {
                changes
                    .append(changes.isEmpty() ? ": " : ", ")
                    .append(route)
                    .append(" from ")
                    .append(was)
                    .append(" to ")
                    .append(now);
              }
            });
        reloaded.put(path, text);
        refused.remove(path);
        messages.info(file + " was reloaded" + (changes.isEmpty() ? "" : changes));
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        return;
      } catch (Exception | LinkageError e) {
        String mistake = named(file, mistake(e));
        reloaded.remove(path);
        if (!(mistake + text).equals(refused.put(path, mistake + text))) {
          messages.warn(mistake + " - the running route is unchanged");
        }
      }
    }
  }

  /**
   * The file's text when it no longer changes: the first event comes while it is being written, or
   * replaced.
   */
  private static String settled(Path path) throws IOException, InterruptedException {
    for (int waits = 0; !Files.exists(path) && waits < MISSING_WAITS; waits++) {
      Thread.sleep(SETTLED_MILLIS);
    }
    if (!Files.exists(path)) {
      throw new UserError(path.getFileName() + " is missing");
    }
    String before;
    String now = Files.readString(path);
    do {
      before = now;
      Thread.sleep(SETTLED_MILLIS);
      now = Files.readString(path);
    } while (!now.equals(before));
    return now;
  }

  /** Builds the file's routes where they do no harm. */
  private Map<String, Sources.Throttle> tryOut(Resource resource) throws Exception {
    try (DefaultCamelContext trial = new DefaultCamelContext()) {
      new RouteCheck(settings, beans, trial).check(loaded, jobs);
      beans.forEach(trial.getRegistry()::bind);
      trial.setAutoStartup(false);
      trial.setSourceLocationEnabled(true);
      trial.addComponent("clickhouse", new ClickHouseComponent(clickHouse, null));
      settings.all().forEach(trial.getPropertiesComponent()::addInitialProperty);
      PluginHelper.getRoutesLoader(trial).loadRoutes(resource);
      refuseRenamed(resource, trial);
      trial.start();
      return throttles(trial);
    }
  }

  /**
   * A route of another id is added to those that run, and two routes cannot start with the same
   * endpoint.
   */
  private void refuseRenamed(Resource resource, ModelCamelContext trial) {
    for (RouteDefinition now : trial.getRouteDefinitions()) {
      for (RouteDefinition runs : ((ModelCamelContext) getCamelContext()).getRouteDefinitions()) {
        if (trial.getRouteDefinition(runs.getId()) == null
            && String.valueOf(runs.getEndpointUrl()).equals(now.getEndpointUrl())) {
          throw new YamlFile(settings.home(), Path.of(resource.getURI()))
              .error(
                  now.getLineNumber(),
                  "the route that runs with "
                      + now.getEndpointUrl()
                      + " has the id '"
                      + runs.getId()
                      + "', not '"
                      + now.getId()
                      + "'; keep its id, or start the run again");
        }
      }
    }
  }

  /**
   * The throttles of all routes by the routes' ids.
   *
   * @throws IllegalArgumentException where the numbers of one are wrong
   */
  static Map<String, Sources.Throttle> throttles(ModelCamelContext context) {
    Map<String, Sources.Throttle> throttles = new HashMap<>();
    context
        .getRouteDefinitions()
        .forEach(
            route ->
                Sources.read(context, route)
                    .ifPresent(throttle -> throttles.put(route.getId(), throttle)));
    return throttles;
  }

  /**
   * Which of the files cannot be loaded, and what is wrong with it; null where each of them can.
   */
  String faulty() {
    for (String file : loaded) {
      try {
        tryOut(PluginHelper.getResourceLoader(getCamelContext()).resolveResource(file));
      } catch (Exception | LinkageError e) {
        return named(file.replaceAll(".*/", ""), mistake(e));
      }
    }
    return null;
  }

  private static String named(String file, String mistake) {
    return (mistake.contains(file) ? "" : file + ": ") + mistake;
  }

  /**
   * What is wrong with a route file, in one line with the file's name and line where they are
   * known.
   */
  static String mistake(Throwable e) {
    UserError found = Retry.find(e, UserError.class);
    if (found != null) {
      return found.getMessage();
    }
    MarkedYamlEngineException yaml = Retry.find(e, MarkedYamlEngineException.class);
    if (yaml != null && yaml.getProblemMark().isPresent()) {
      // its own text begins with where the block began that the mistake is in
      return "line " + (yaml.getProblemMark().get().getLine() + 1) + ": " + yaml.getProblem();
    }
    String last = e.toString();
    String where = "";
    for (Throwable t = e; t != null; t = t.getCause() == t ? null : t.getCause()) {
      if (t.getMessage() != null && !t.getMessage().isBlank()) {
        last = t.getMessage();
        Matcher line = LINE.matcher(t.getMessage());
        where =
            line.find()
                ? "line "
                    + (Integer.parseInt(line.group(1))
                        + (t.getMessage().contains("snakeyaml") ? 1 : 0))
                    + ": "
                : where;
      }
    }
    String message =
        Retry.hostsOnly(
            last.strip()
                .replaceAll("\\s+", " ")
                .replaceAll(" in file:\\S+ line \\d+, column \\d+.*$", ""));
    return message.contains(where) ? message : where + message;
  }
}
