package polymarket.backfill.run;

import java.io.IOException;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.apache.camel.CamelContext;
import org.apache.camel.ProducerTemplate;
import org.apache.camel.component.properties.PropertiesComponent;
import org.apache.camel.impl.DefaultCamelContext;
import org.apache.camel.main.BaseMainSupport;
import org.apache.camel.main.Main;
import org.apache.camel.main.MainListenerSupport;
import org.apache.camel.main.SimpleMainShutdownStrategy;
import org.apache.camel.model.ModelCamelContext;
import org.apache.camel.support.RouteWatcherReloadStrategy;
import org.apache.camel.support.service.ServiceHelper;
import polymarket.backfill.Daemons;
import polymarket.backfill.Memory;
import polymarket.backfill.Messages;
import polymarket.backfill.Settings;
import polymarket.backfill.Stop;
import polymarket.backfill.UserError;
import polymarket.backfill.clickhouse.ClickHouse;
import polymarket.backfill.job.Job;
import polymarket.backfill.ledger.Share;
import polymarket.backfill.polymarket.Account;
import polymarket.backfill.polymarket.BatchTokens;
import polymarket.backfill.polymarket.LogPages;
import polymarket.backfill.polymarket.RpcNode;
import polymarket.backfill.source.Retry;
import polymarket.backfill.source.Sources;
import polymarket.backfill.source.Walks;
import polymarket.backfill.store.ClickHouseComponent;
import polymarket.backfill.store.InsertGroups;
import polymarket.backfill.store.Rows;

/** Camel with the routes of some jobs: what their files refer to by name is bound here. */
public final class Routes implements AutoCloseable {

  private final Main main;
  private ProducerTemplate template;
  private final List<ExecutorService> pools;

  /** Null where nobody reads them. */
  private final CamelMetrics metrics;

  private Routes(Main main, List<ExecutorService> pools, CamelMetrics metrics) {
    this.main = main;
    this.pools = pools;
    this.metrics = metrics;
  }

  /**
   * Starts the routes of all jobs. They wait: no job runs, and no batch is handed out.
   *
   * @param arguments camel-main's own options, such as -d with a duration in seconds
   * @throws UserError where the routes cannot be built
   */
  public static Routes startAll(
      Settings settings, ClickHouse clickHouse, Messages messages, String... arguments) {
    Map<String, Job> jobs = new LinkedHashMap<>();
    Job.names(settings.home()).forEach(name -> jobs.put(name, Job.read(settings.home(), name)));
    Stop stop = new Stop();
    Sources sources = new Sources(settings, Share.WHOLE, 1, stop);
    Retry retry = JobRun.retry(settings, jobs, sources, stop, messages);
    Main main = new Main();
    main.parseArguments(arguments);
    return start(
        main, settings, jobs, clickHouse, sources, retry, new Marker(stop), stop, messages, null);
  }

  /** As below, where nobody reads metrics. */
  static Routes start(
      Settings settings,
      Map<String, Job> jobs,
      ClickHouse clickHouse,
      Sources sources,
      Retry retry,
      Marker ledgers,
      Stop stop,
      Messages messages) {
    return start(settings, jobs, clickHouse, sources, retry, ledgers, stop, messages, null);
  }

  /**
   * @param jobs by their names; the route files of other jobs are not loaded
   * @param ledgers the idempotent repository of the job routes
   * @param stop asked, no more pages are begun than have to be
   * @param metrics counts what the routes do; null where nobody reads it
   * @throws UserError where the routes cannot be built
   */
  static Routes start(
      Settings settings,
      Map<String, Job> jobs,
      ClickHouse clickHouse,
      Sources sources,
      Retry retry,
      Marker ledgers,
      Stop stop,
      Messages messages,
      CamelMetrics metrics) {
    Main main = new Main();
    // the program hears signals itself; camel-main's shutdown hook would hold each run's context
    // until the JVM ends
    main.setShutdownStrategy(new SimpleMainShutdownStrategy());
    return start(
        main, settings, jobs, clickHouse, sources, retry, ledgers, stop, messages, metrics);
  }

  private static Routes start(
      Main main,
      Settings settings,
      Map<String, Job> jobs,
      ClickHouse clickHouse,
      Sources sources,
      Retry retry,
      Marker ledgers,
      Stop stop,
      Messages messages,
      CamelMetrics metrics) {
    // batches, as many as the feeds hand out; and the calls of all batches that make one an id
    ExecutorService fetchers = Executors.newCachedThreadPool(Daemons.named("fetcher"));
    ExecutorService callers =
        Executors.newFixedThreadPool(settings.number("source.calls", 1), Daemons.named("caller"));
    InsertGroups groups = new InsertGroups(clickHouse, jobs, ledgers::ledger);
    Map<String, Object> beans = beans(settings, jobs, sources, retry, ledgers, groups, stop);
    beans.put("fetchers", fetchers);
    beans.put("callers", callers);
    beans.put("clickhouse", clickHouse.dataSource());
    // a data source and a component go by the same name, in jdbc:clickhouse and clickhouse:table
    List<String> files = Job.routeFiles(settings.home(), List.copyOf(jobs.keySet()));
    try (DefaultCamelContext trial = new DefaultCamelContext()) {
      new RouteCheck(settings, beans, trial).check(files, jobs.values());
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
    beans.forEach(main::bind);
    settings.all().forEach(main::addOverrideProperty);
    main.addOverrideProperty("camel.component.https.http-client-configurer", "#bean:source");
    // an answer that says how long it is, up to the largest one, is read into one array
    long largest = Math.min(Integer.MAX_VALUE, Memory.bytes(settings, "source.answer-size"));
    main.addOverrideProperty(
        "camel.component.https.response-payload-streaming-threshold", String.valueOf(largest));
    main.setDefaultPropertyPlaceholderLocation("false");
    main.configure().withRoutesIncludePattern(String.join(",", files));
    // with --debug, Camel would print the settings, keys included
    main.configure().withAutoConfigurationLogSummary(false);
    // a label of its metrics; Camel would number contexts
    main.configure().setName("backfill");
    main.addMainListener(context(new ClickHouseComponent(clickHouse, groups), metrics));
    Routes routes = new Routes(main, List.of(fetchers, callers), metrics);
    try {
      main.start();
      endReload(main.getCamelContext());
      RouteReload.throttles((ModelCamelContext) main.getCamelContext());
      main.getCamelContext()
          .addService(
              new RouteReload(settings, files, jobs.values(), beans, clickHouse, retry, messages));
      return routes;
    } catch (Exception e) {
      routes.close();
      RouteReload reload =
          new RouteReload(settings, files, jobs.values(), beans, clickHouse, retry, messages);
      reload.setCamelContext(new DefaultCamelContext());
      String faulty = reload.faulty();
      throw new UserError(
          "the routes could not be started: " + (faulty != null ? faulty : RouteReload.mistake(e)),
          e);
    }
  }

  /** Prepares a context before its routes are read. */
  private static MainListenerSupport context(ClickHouseComponent component, CamelMetrics metrics) {
    return new MainListenerSupport() {
      @Override
      public void beforeConfigure(BaseMainSupport support) {
        support.getCamelContext().setSourceLocationEnabled(true);
        // the settings know the environment; Camel would put it above the command line
        PropertiesComponent properties =
            (PropertiesComponent) support.getCamelContext().getPropertiesComponent();
        properties.setEnvironmentVariableMode(PropertiesComponent.ENVIRONMENT_VARIABLES_MODE_NEVER);
        properties.setSystemPropertiesMode(PropertiesComponent.SYSTEM_PROPERTIES_MODE_NEVER);
        support.getCamelContext().addComponent("clickhouse", component);
        support.getCamelContext().getCamelContextExtension().addInterceptStrategy(new ErrorsFail());
        if (metrics != null) {
          metrics.observe(support.getCamelContext());
        }
      }
    };
  }

  /** What the route files call by name. */
  static Map<String, Object> beans(
      Settings settings,
      Map<String, Job> jobs,
      Sources sources,
      Retry retry,
      Marker ledgers,
      InsertGroups groups,
      Stop stop) {
    Map<String, Object> beans = new HashMap<>();
    beans.put("ledger", ledgers);
    beans.put("source", sources);
    beans.put("retry", retry);
    beans.put("rows", new Rows(jobs, stop, ledgers::ledger, groups));
    beans.put("ahead", new Ahead(jobs, stop));
    beans.put("tokens", new BatchTokens());
    beans.put("walk", new Walks());
    beans.put("node", new RpcNode());
    beans.put("logs", new LogPages(settings, jobs, sources));
    beans.put("account", new Account(settings));
    return beans;
  }

  /**
   * Ends the reload that camel-main starts if configured, as {@code mvn camel:dev} does. It would
   * load each edit a second time, and mistakes too; {@link RouteReload} takes its place.
   */
  private static void endReload(CamelContext context) throws Exception {
    for (RouteWatcherReloadStrategy reload :
        context.hasServices(RouteWatcherReloadStrategy.class)) {
      ServiceHelper.stopAndShutdownService(reload);
      context.removeService(reload);
    }
  }

  /** Waits until {@link #end} is called or camel-main's options end it, and stops the routes. */
  public void await() throws Exception {
    main.run();
  }

  /** Lets {@link #await} return. */
  public void end() {
    main.completed();
  }

  /** One for all calls from outside the routes. */
  synchronized ProducerTemplate template() {
    if (template == null) {
      template = context().createProducerTemplate();
    }
    return template;
  }

  /** How many routes there are. */
  public int size() {
    return context().getRoutesSize();
  }

  CamelContext context() {
    return main.getCamelContext();
  }

  @Override
  public void close() {
    if (metrics != null) {
      metrics.close();
    }
    pools.forEach(ExecutorService::shutdownNow);
    try {
      if (main.getCamelContext() != null) {
        main.getCamelContext().getShutdownStrategy().setTimeout(1);
        main.getCamelContext().getShutdownStrategy().setSuppressLoggingOnTimeout(true);
      }
      main.stop();
    } catch (RuntimeException e) {
      // the run is over, and what it did is in the ledger
    }
  }
}
